"""The open log on PostgreSQL, for several machines."""

import asyncio
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import TypeVar

import sqlalchemy as sa

from pixel_service.open_log.earlier import EarlierEntries
from pixel_service.open_log.news import News
from pixel_service.open_log.numbering import BurstWindow, Suffixes
from pixel_service.open_log.postgres import appending, statements
from pixel_service.open_log.postgres.head_follower import HeadFollower
from pixel_service.open_log.postgres.pages import Pages
from pixel_service.open_log.postgres.pool import Pool
from pixel_service.open_log.sql import journals
from pixel_service.open_log.sql.counting import count_in_steps
from pixel_service.open_log.sql.erasing import StoredOpen, erase_in_steps, erase_opens
from pixel_service.open_log.sql.objections import SqlObjections
from pixel_service.open_log.sql.revising import RevisedOpen, revise_in_steps, revise_opens
from pixel_service.open_log.sql.statistics.store import SqlStatistics
from pixel_service.open_log.sql.subscriptions import SqlSubscriptions
from pixel_service.open_log.sql.trimming import trim_in_steps
from pixel_service.open_log.sql.webhooks import SqlWebhooks
from pixel_service.open_log.statistics import CountingRules
from pixel_service.open_log.values import (
    BEGINNING,
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


class PostgresOpenLog:
    """The log in one database.  Its positions are (transaction, sequence).

    Never raises `LogHole`: rule 6 of the package.  Bursts are known per process (rule 5 of
    `numbering`): one whose fetches reach two processes counts as two.
    """

    def __init__(
        self,
        *,
        identity: LogIdentity,
        pool: Pool,
        number_open: Callable[[int, int], bytes],
        counting_rules: CountingRules,
        burst_window: dt.timedelta,
    ) -> None:
        self.identity = identity
        self.subscriptions = SqlSubscriptions(self)
        self.statistics = SqlStatistics(self, counting_rules)
        self.webhooks = SqlWebhooks(self)
        self.objections = SqlObjections(self)
        self._rules = counting_rules
        self.news = News()
        self.follower = HeadFollower(pool, self.news, self.head)
        self._pool = pool
        self._pages = Pages(identity, pool, Suffixes(number_open))
        self._window = BurstWindow(window=burst_window)
        self._appends: set[asyncio.Task[None]] = set()

    @property
    def held_back_since(self) -> dt.datetime | None:
        """Since when the horizon hides opens, as the follower knows; None if it does not."""
        return self.follower.held_back_since

    async def append(
        self, opens: Sequence[OpenRecord], *, journal: JournalPosition | None = None
    ) -> None:
        """Append *opens* in a task that outlives the caller."""
        if not opens and journal is None:
            return
        # Shielded, because the driver answers a cancellation by cancelling the
        # statement.
        task = asyncio.create_task(self._append(opens, journal))
        self._appends.add(task)
        task.add_done_callback(self._appends.discard)
        await asyncio.shield(task)

    async def _append(self, opens: Sequence[OpenRecord], journal: JournalPosition | None) -> None:
        async with self._pool.driver_connection() as connection:
            await appending.append(connection, opens, self._window, journal)
        self.follower.tell()

    async def recorded_up_to(self, journal_id: str) -> int:
        """Read the position of a journal."""
        return await self.query(lambda connection: journals.recorded_up_to(connection, journal_id))

    async def forget_journal(self, journal_id: str) -> None:
        """Remove the position of a journal."""
        await self.execute(functools.partial(journals.forget, journal_id=journal_id))

    async def finish(self) -> None:
        """Wait for the appends that nobody waits for any more."""
        if self._appends:
            await asyncio.wait(self._appends)

    async def query(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* finds.

        Raises:
            LogUnavailable: the database failed.
        """
        return await self._pool.run(function, writes=False)

    async def execute(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* does, in one transaction."""
        return await self._pool.run(function, writes=True)

    async def read(self, *, after: Position, max_entries: int, max_octets: int) -> Page:
        """Return a page of entries."""
        return await self._pages.entries(
            after=after, max_entries=max_entries, max_octets=max_octets
        )

    async def read_notifications(
        self, *, after: Position, max_entries: int, max_octets: int
    ) -> Notifications:
        """Return what `read` does: the driver is most of the cost, so fewer columns save little."""
        page = await self.read(after=after, max_entries=max_entries, max_octets=max_octets)
        return page.notifications

    async def read_earlier(self, *, up_to: Position, max_entries: int) -> EarlierEntries:
        """Return the entries up to *up_to*, the latest first."""
        return await self._pages.earlier(up_to=up_to, max_entries=max_entries)

    async def check(self, after: Position) -> None:
        """Raise what `read` would of a position."""
        await self._pages.refuse(after)

    async def head(self) -> Position:
        """Return the position of the last visible open."""
        _, head = await self._pages.ends()
        return head

    async def end(self) -> Position:
        """Return the position of the last open that is there, also if readers may not see it."""
        rows = await self._pages.fetch(statements.LAST)
        return max(await self.earliest(), Position(*rows[0]) if rows else BEGINNING)

    async def earliest(self) -> Position:
        """Return the position of the last open that was trimmed."""
        trimmed, _ = await self._pages.ends()
        return trimmed

    async def position_at(self, time: dt.datetime) -> Position:
        """Return the position before the first open recorded since *time*."""
        rows = await self._pages.fetch(statements.POSITION_AT, microseconds_of(time))
        trimmed, head = await self._pages.ends()
        if not rows:
            return head
        return max(trimmed, min(head, Position(rows[0][0], rows[0][1] - 1)))

    async def lag(self, after: Position) -> int:
        """Return how many entries follow *after*."""
        trimmed, head = await self._pages.ends()
        start = max(after, trimmed)
        # Sequence numbers are not quite in the order of positions (rules 1 and 6).
        return 0 if start >= head else max(1, head.sequence - start.sequence)

    async def wait_for_news(self, *, after: Position) -> None:
        """Wait for something after *after*, half a minute at most."""
        await self.news.wait_beyond(after)

    def trim(
        self, *, older_than: dt.timedelta | None = None, max_octets: int | None = None
    ) -> AsyncIterator[Trimmed]:
        """Remove what is too old, then what is too much, in small steps."""
        return trim_in_steps(self, older_than=older_than, max_octets=max_octets)

    async def octets_used(self) -> int:
        """Return an estimate of the size of what is held."""
        (row,) = await self._pages.fetch(statements.OCTETS)
        trimmed, head = await self._pages.ends()
        return int(row[0]) * max(0, head.sequence - trimmed.sequence)

    async def trim_step(self, *, up_to: Position, max_entries: int) -> int:
        """Remove up to *max_entries* of the oldest opens, none beyond *up_to*."""
        async with self._pool.driver_connection() as connection, connection.transaction():
            await connection.execute(statements.NOTE_REMOVAL)
            return int(await connection.fetchval(statements.TRIM_STEP, *up_to, max_entries))

    async def give_back_step(self) -> int:
        """Do nothing: PostgreSQL's own vacuum frees space."""
        return 0

    def erase(
        self, matches: Callable[[bytes], bool], *, message_keys: Collection[bytes] = ()
    ) -> AsyncIterator[Erased]:
        """Erase in steps; PostgreSQL removes the old rows when it vacuums."""
        return erase_in_steps(self, matches, message_keys=message_keys)

    async def stored(self, *, after: Position, max_entries: int) -> Sequence[StoredOpen]:
        """Return the opens that follow *after*, all kinds."""
        rows = await self._pages.fetch(statements.STORED, *after, max_entries)
        return [StoredOpen(Position(row[0], row[1]), row[2], row[3]) for row in rows]

    async def erase_step(self, positions: Sequence[Position]) -> int:
        """Erase the opens at *positions*; return how many held anything."""
        return await self._pool.run(
            functools.partial(erase_opens, rules=self._rules, positions=positions),
            writes=True,
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
        await self._pool.run(
            functools.partial(revise_opens, rules=self._rules, revised=revised), writes=True
        )

    async def stats(self) -> LogStats:
        """Return what an operator wants to know."""
        trimmed, head = await self._pages.ends()
        first_us, last_us = (await self._pages.fetch(statements.END_TIMES))[0]
        (held_back,) = await self._pages.fetch(statements.HELD_BACK)
        return LogStats(
            entries=max(0, head.sequence - trimmed.sequence),
            octets=await self.octets_used(),
            earliest=trimmed,
            head=head,
            earliest_time=None if first_us is None else time_of(first_us),
            head_time=None if last_us is None else time_of(last_us),
            held_back_seconds=max(0.0, float(held_back[0])),
        )

    def daily_counts(
        self, *, earliest_day: dt.date | None = None
    ) -> AsyncIterator[Sequence[DayCount]]:
        """Count what is held, by day, configuration and agent."""
        return count_in_steps(self, earliest_day=earliest_day)
