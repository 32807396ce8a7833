"""The open log on SQLite."""

import asyncio
import concurrent.futures
import dataclasses
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import TypeVar

import sqlalchemy as sa

from pixel_service.open_log.earlier import EarlierEntries
from pixel_service.open_log.news import News
from pixel_service.open_log.numbering import Suffixes
from pixel_service.open_log.sql import journals
from pixel_service.open_log.sql.counting import count_in_steps
from pixel_service.open_log.sql.erasing import StoredOpen, erase_in_steps
from pixel_service.open_log.sql.objections import SqlObjections
from pixel_service.open_log.sql.revising import RevisedOpen, revise_in_steps
from pixel_service.open_log.sql.statistics.store import SqlStatistics
from pixel_service.open_log.sql.subscriptions import SqlSubscriptions
from pixel_service.open_log.sql.trimming import trim_in_steps
from pixel_service.open_log.sql.webhooks import SqlWebhooks
from pixel_service.open_log.sqlite import reading, steps
from pixel_service.open_log.sqlite.failures import Failures
from pixel_service.open_log.sqlite.pages import Pages
from pixel_service.open_log.sqlite.writer import WriterThread
from pixel_service.open_log.statistics import CountingRules
from pixel_service.open_log.values import (
    DayCount,
    Erased,
    JournalPosition,
    LogIdentity,
    LogStats,
    Notifications,
    OpenRecord,
    Page,
    Position,
    Revised,
    Revision,
    Trimmed,
)
from service_runtime.times import microseconds_of, time_of

Answer = TypeVar("Answer")


class SqliteOpenLog:
    """The log in one file.  Its positions are (0, sequence)."""

    def __init__(
        self,
        *,
        identity: LogIdentity,
        engine: sa.Engine,
        threads: concurrent.futures.Executor,
        writer: WriterThread,
        news: News,
        number_open: Callable[[int, int], bytes],
        counting_rules: CountingRules,
    ) -> None:
        self.identity = identity
        self.subscriptions = SqlSubscriptions(self)
        self.statistics = SqlStatistics(self, counting_rules)
        self._rules = counting_rules
        self.webhooks = SqlWebhooks(self)
        self.objections = SqlObjections(self)
        self._engine = engine
        self._threads = threads
        self._writer = writer
        self._news = news
        self._pages = Pages(identity, Suffixes(number_open))
        self._failures = Failures("reading")

    @property
    def held_back_since(self) -> None:
        """Always None: with one writer no open is hidden."""

    async def append(
        self, opens: Sequence[OpenRecord], *, journal: JournalPosition | None = None
    ) -> None:
        """Hand *opens* to the writer, and tell the readers of this process."""
        if opens or journal is not None:
            self._news.advance(Position(0, await self._writer.append(opens, journal)))

    async def recorded_up_to(self, journal_id: str) -> int:
        """Read the position of a journal."""
        return await self.query(lambda connection: journals.recorded_up_to(connection, journal_id))

    async def forget_journal(self, journal_id: str) -> None:
        """Remove the position of a journal."""
        await self.execute(functools.partial(journals.forget, journal_id=journal_id))

    async def execute(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* does, in a transaction of the one connection that writes."""
        return await self._writer.execute(lambda connection, _: function(connection))

    async def query(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Run *function* on a connection that reads, in a thread; return its result.

        Raises:
            LogDamaged, LogUnavailable: the database failed.
        """

        def run() -> Answer:
            with self._engine.connect() as connection:
                return function(connection)

        with self._failures.as_unavailable():
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def read(self, *, after: Position, max_entries: int, max_octets: int) -> Page:
        """Return a page of entries."""
        return await self.query(
            lambda connection: self._pages.entries(
                connection, after=after, max_entries=max_entries, max_octets=max_octets
            )
        )

    async def read_notifications(
        self, *, after: Position, max_entries: int, max_octets: int
    ) -> Notifications:
        """Return a page of notifications: fewer columns, and no entry is made."""
        return await self.query(
            lambda connection: self._pages.notifications(
                connection, after=after, max_entries=max_entries, max_octets=max_octets
            )
        )

    async def read_earlier(self, *, up_to: Position, max_entries: int) -> EarlierEntries:
        """Return the entries up to *up_to*, the latest first."""
        return await self.query(
            lambda connection: self._pages.earlier(connection, up_to=up_to, max_entries=max_entries)
        )

    async def check(self, after: Position) -> None:
        """Raise what `read` would of a position."""
        await self.query(lambda connection: self._pages.refuse(connection, after.sequence))

    async def head(self) -> Position:
        """Return the position of the last visible open."""
        _, last = await self.query(reading.ends)
        return Position(0, last)

    async def end(self) -> Position:
        """Return the position of the last open that is there: here readers may see all."""
        return await self.head()

    async def earliest(self) -> Position:
        """Return the position of the last open that was trimmed."""
        trimmed, _ = await self.query(reading.ends)
        return Position(0, trimmed)

    async def position_at(self, time: dt.datetime) -> Position:
        """Search the recording times, which never go backwards, in halves."""
        find = functools.partial(reading.last_before, time_us=microseconds_of(time))
        return Position(0, await self.query(find))

    async def lag(self, after: Position) -> int:
        """Return how many entries follow *after*."""
        trimmed, last = await self.query(reading.ends)
        return max(0, last - max(after.sequence, trimmed))

    async def wait_for_news(self, *, after: Position) -> None:
        """Wait for something after *after*, half a minute at most."""
        await self._news.wait_beyond(after)

    def trim(
        self, *, older_than: dt.timedelta | None = None, max_octets: int | None = None
    ) -> AsyncIterator[Trimmed]:
        """Remove what is too old, then what is too much, in small steps."""
        return trim_in_steps(self, older_than=older_than, max_octets=max_octets)

    async def octets_used(self) -> int:
        """Return the size of the database without its free pages."""
        return await self.query(reading.octets_used)

    async def trim_step(self, *, up_to: Position, max_entries: int) -> int:
        """Remove up to *max_entries* of the oldest opens, none beyond *up_to*."""
        return await self._writer.execute(
            functools.partial(steps.trim_step, up_to=up_to.sequence, max_entries=max_entries)
        )

    async def give_back_step(self) -> int:
        """Give some free pages back to the file system; return how many are left to give."""
        return await self.execute(steps.give_back_step)

    async def erase(
        self, matches: Callable[[bytes], bool], *, message_keys: Collection[bytes] = ()
    ) -> AsyncIterator[Erased]:
        """Erase in steps, then empty the write-ahead log of what was there."""
        erased = Erased()
        async for erased in erase_in_steps(self, matches, message_keys=message_keys):
            yield erased
        # The old content is in the write-ahead log until this has emptied it.  Also when
        # nothing was erased now: the last time it may have failed.
        is_empty = await self.query(reading.checkpoint)
        yield dataclasses.replace(erased, older_state_is_read=not is_empty)

    async def stored(self, *, after: Position, max_entries: int) -> Sequence[StoredOpen]:
        """Return the opens that follow *after*, all kinds."""
        return await self.query(
            lambda connection: reading.stored_after(connection, after.sequence, max_entries)
        )

    async def erase_step(self, positions: Sequence[Position]) -> int:
        """Erase the opens at *positions*; return how many held anything."""
        return await self._writer.execute(
            functools.partial(steps.erase_step, rules=self._rules, positions=positions)
        )

    def revise(
        self,
        revision_of: Callable[[bytes], Revision | None],
        *,
        after: Position | None = None,
        is_dry_run: bool = False,
    ) -> AsyncIterator[Revised]:
        """Write other judgements into opens, in small steps."""
        return revise_in_steps(self, revision_of, after=after, is_dry_run=is_dry_run)

    async def revise_step(self, revised: Sequence[RevisedOpen]) -> None:
        """Write what these opens are to be, all or none."""
        await self._writer.execute(
            functools.partial(steps.revise_step, rules=self._rules, revised=revised)
        )

    async def stats(self) -> LogStats:
        """Return what an operator wants to know."""
        trimmed, last = await self.query(reading.ends)
        first_us, last_us = await self.query(reading.end_times)
        return LogStats(
            entries=last - trimmed,
            octets=await self.octets_used(),
            earliest=Position(0, trimmed),
            head=Position(0, last),
            earliest_time=None if first_us is None else time_of(first_us),
            head_time=None if last_us is None else time_of(last_us),
            held_back_seconds=0.0,
        )

    def daily_counts(
        self, *, earliest_day: dt.date | None = None
    ) -> AsyncIterator[Sequence[DayCount]]:
        """Count what is held, by day, configuration and agent."""
        return count_in_steps(self, earliest_day=earliest_day)
