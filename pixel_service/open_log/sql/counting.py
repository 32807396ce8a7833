"""Counts of opens by day and configuration, in both databases' SQL.

A scan of the log from its end to its beginning, a portion at a time: each takes some tens of
milliseconds, so that nothing waits for it, and whoever wants the last days alone does not
pay for the others.  Not a table of counts that appending keeps: on PostgreSQL all machines
would wait for each other at its few rows.
"""

import collections
import dataclasses
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa

from pixel_service.open_log.sql.tables import opens
from pixel_service.open_log.values import DayCount, Position
from service_runtime.times import microseconds_of, time_of

# Opens counted by one query.
PORTION_ENTRIES: Final = 20_000

_DAY_US: Final = 86_400_000_000

# On PostgreSQL an open may come in the log before one that was recorded up to 20 s
# earlier; see `postgres.statements`.
_SLACK_US: Final = 60_000_000

Answer = TypeVar("Answer")


class Countable(Protocol):
    """What counting needs of a log."""

    async def earliest(self) -> Position:
        """Return the position after which every open is still there."""

    async def end(self) -> Position:
        """Return the position of the last open that is there, also if readers may not see it."""

    async def query(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* finds."""


class Portion(NamedTuple):
    """What the opens between two positions count."""

    after: Position
    """Before the first of them."""

    newest_us: int | None
    """When the last of them was recorded; None if there are none."""

    rows: Sequence[tuple[int, str, int, int, int, int]]
    """Day number, configuration, agent, opens, first opens, collapsed ones."""


@dataclasses.dataclass(slots=True)
class _Tally:
    first_opens: int = 0
    collapsed_opens: int = 0
    by_agent: "collections.Counter[int]" = dataclasses.field(default_factory=collections.Counter)


async def count_in_steps(
    log: Countable, *, earliest_day: dt.date | None, portion_entries: int = PORTION_ENTRIES
) -> AsyncIterator[Sequence[DayCount]]:
    """Count what the log holds; see `OpenLog.daily_counts`."""
    first, up_to = await log.earliest(), await log.end()
    earliest = _number_of(earliest_day) if earliest_day is not None else 0
    tallies: dict[int, dict[str, _Tally]] = {}
    while up_to > first:
        portion = await log.query(
            functools.partial(_count, up_to=up_to, max_entries=portion_entries)
        )
        up_to = portion.after
        if portion.newest_us is None:
            continue
        _add(tallies, portion.rows)
        # Nothing of these days can follow.
        settled = [day for day in tallies if portion.newest_us < day * _DAY_US - _SLACK_US]
        yield _take(tallies, (day for day in settled if day >= earliest))
        if portion.newest_us < earliest * _DAY_US - _SLACK_US:
            break
    for day in sorted((day for day in tallies if day >= earliest), reverse=True):
        yield _take(tallies, [day])


def _count(connection: sa.Connection, *, up_to: Position, max_entries: int) -> Portion:
    after = _before(connection, up_to, max_entries)
    # Floor division, also on PostgreSQL: the times are after 1970.
    day = opens.c.recorded_us / sa.literal_column(str(_DAY_US))
    if connection.dialect.name != "sqlite":
        day = sa.func.floor(day)
    day_number = sa.cast(day, sa.BigInteger)
    query = (
        sa.select(
            sa.func.max(opens.c.recorded_us),
            day_number,
            opens.c.configuration_id,
            opens.c.agent,
            sa.func.count(),
            sa.func.sum(sa.case((opens.c.open_number == 1, 1), else_=0)),
            sa.func.sum(opens.c.collapsed),
        )
        .where(*_between(connection, after, up_to))
        .group_by(day_number, opens.c.configuration_id, opens.c.agent)
    )
    rows: list[Any] = list(connection.execute(query))
    return Portion(
        after=after,
        newest_us=max((row[0] for row in rows), default=None),
        # Of an erased open not even the configuration is left.
        rows=[
            (number, configuration_id, agent, count, int(first), int(collapsed))
            for _, number, configuration_id, agent, count, first, collapsed in rows
            if configuration_id
        ],
    )


def _before(connection: sa.Connection, up_to: Position, max_entries: int) -> Position:
    """Return the position after which *max_entries* opens follow up to *up_to*."""
    if connection.dialect.name == "sqlite":
        return Position(0, max(0, up_to.sequence - max_entries))
    query = (
        sa.select(opens.c.transaction_id, opens.c.sequence)
        .where(sa.tuple_(opens.c.transaction_id, opens.c.sequence) <= sa.tuple_(*up_to))
        .order_by(opens.c.transaction_id.desc(), opens.c.sequence.desc())
        .offset(max_entries)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return Position(0, 0) if row is None else Position(*row)


def _between(
    connection: sa.Connection, after: Position, up_to: Position
) -> Sequence[sa.ColumnElement[bool]]:
    if connection.dialect.name == "sqlite":
        return (opens.c.sequence > after.sequence, opens.c.sequence <= up_to.sequence)
    place = sa.tuple_(opens.c.transaction_id, opens.c.sequence)
    return (place > sa.tuple_(*after), place <= sa.tuple_(*up_to))


def _add(
    tallies: dict[int, dict[str, _Tally]], rows: Iterable[tuple[int, str, int, int, int, int]]
) -> None:
    for day, configuration_id, agent, count, first_opens, collapsed_opens in rows:
        tally = tallies.setdefault(day, {}).setdefault(configuration_id, _Tally())
        tally.first_opens += first_opens
        tally.collapsed_opens += collapsed_opens
        tally.by_agent[agent] += count


def _take(tallies: dict[int, dict[str, _Tally]], days: Iterable[int]) -> Sequence[DayCount]:
    """Take *days* out of *tallies*; return their counts, the newest day first."""
    return [
        DayCount(
            day=time_of(day * _DAY_US).date(),
            configuration_id=configuration_id,
            opens=tally.by_agent.total(),
            first_opens=tally.first_opens,
            collapsed_opens=tally.collapsed_opens,
            opens_by_agent=dict(tally.by_agent),
        )
        for day in sorted(days, reverse=True)
        for configuration_id, tally in sorted(tallies.pop(day).items())
    ]


def _number_of(day: dt.date) -> int:
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return microseconds_of(midnight) // _DAY_US
