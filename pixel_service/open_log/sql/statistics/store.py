"""The statistics of a log, in both databases' SQL."""

import asyncio
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa

from pixel_service.open_log.sql.pacing import Pace, Rest
from pixel_service.open_log.sql.statistics import counting, reading, retention, tracked
from pixel_service.open_log.sql.statistics.opens import opens_of
from pixel_service.open_log.sql.statistics.state import read_state
from pixel_service.open_log.statistics import (
    REST_STEP_ENTRIES,
    STEP_ENTRIES,
    CountingRules,
    Statistics,
    StatisticsQuery,
    TrackedPage,
)
from pixel_service.open_log.values import Position
from service_runtime.times import microseconds_of, time_of

# Of the time.  A step's time has in it what it waited for others, so that under load there
# are fewer of them.
_SHARE: Final = 0.15

Answer = TypeVar("Answer")


class Database(Protocol):
    """What statistics need of a log."""

    async def query(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* finds."""

    async def execute(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* does, in one transaction."""

    async def end(self) -> Position:
        """Return the position of the last open that is there, also if readers may not see it."""

    async def lag(self, after: Position) -> int:
        """Return how many entries follow *after*."""


class SqlStatistics:
    """Counts, and reads what was counted."""

    def __init__(self, log: Database, rules: CountingRules) -> None:
        self._log = log
        self._rules = rules

    async def read(self, query: StatisticsQuery) -> Statistics:
        """Add up the rows that *query* asks for."""
        found = await self._log.query(functools.partial(reading.find, query=query))
        state, tracked_us = found.state, found.tracked_until_us
        return Statistics(
            totals=found.totals,
            rows=found.rows,
            counted_until=time_of(state.counted_us) if state.counted_us else None,
            uncounted=await self._log.lag(state.counted),
            tracked_until=None if tracked_us is None else time_of(tracked_us),
        )

    async def count(self) -> AsyncIterator[int]:
        """Count in small steps; while nothing is recorded in larger ones, with short pauses."""
        pace, rest, rests = Pace(share=_SHARE), Rest(), False
        while (step := await self._count(REST_STEP_ENTRIES if rests else STEP_ENTRIES)) is not None:
            yield step
            await pace.pause(is_alone=rests)
            rests = rest.has_come(await self._log.end())

    async def count_step(self, *, max_entries: int = STEP_ENTRIES) -> int:
        """Count some opens; return how many were looked at."""
        return await self._count(max_entries) or 0

    async def _count(self, max_entries: int) -> int | None:
        """Count some opens; None if there are none, or another process was faster."""
        # Looked into before anybody waits for that: it takes a third of the time.
        step = await self._log.query(functools.partial(counting.read_step, max_entries=max_entries))
        if not step.rows and not step.is_repair:
            return None
        found = await asyncio.to_thread(opens_of, step.rows, self._rules)
        outcome = await self._log.execute(
            functools.partial(counting.carry_out, rules=self._rules, step=step, found=found)
        )
        return None if outcome is counting.Outcome.OVERTAKEN else len(step.rows)

    async def trim(self, *, now: dt.datetime, older_than: dt.timedelta) -> AsyncIterator[int]:
        """Remove counts that are too old, in small steps."""
        edges = retention.edges_of(now, older_than=older_than)
        await self._log.execute(functools.partial(retention.begin, edges=edges))
        pace = Pace(share=_SHARE)
        while removed := await self._log.execute(retention.remove_step):
            yield removed
            await pace.pause()

    async def counted(self) -> Position:
        """Return up to where opens are counted."""
        return (await self._log.query(read_state)).counted

    async def tracked_revision(self, source_id: str) -> int:
        """Return up to which revision the counts of a source are here."""
        return await self._log.query(functools.partial(tracked.revision_of, source_id=source_id))

    async def set_tracked(self, page: TrackedPage) -> bool:
        """Replace counts by those of *page*, if it follows."""
        return await self._log.execute(
            functools.partial(
                tracked.set_tracked, page=page, counted_us=microseconds_of(page.counted_until)
            )
        )
