"""Adds up the counts that a query asks for."""

import collections
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import sqlalchemy as sa

from pixel_service.open_log.sql.statistics.state import State, read_state
from pixel_service.open_log.sql.statistics.tallies import DAYS, HOURS
from pixel_service.open_log.sql.statistics.tracked import tracked_until_us
from pixel_service.open_log.sql.tables import statistics, tracked_counts
from pixel_service.open_log.statistics import (
    Counts,
    Dimension,
    Interval,
    StatisticsQuery,
    StatisticsRow,
)
from service_runtime.times import microseconds_of, time_of

HOUR_US: Final = 3_600_000_000

# Of `Counts`, by the table that has them.
_COUNTED: Final = (
    "opens",
    "first_opens",
    "person_opens",
    "machine_opens",
    "collapsed_opens",
    "opened_at_least",
    "opened_at_most",
)
_TRACKED: Final = ("messages_tracked",)

_Sums: TypeAlias = dict[tuple[dt.datetime, str], "collections.Counter[str]"]
"""By the beginning of an interval, and value."""


class Found(NamedTuple):
    """What a query has found."""

    totals: Sequence[StatisticsRow]
    rows: Sequence[StatisticsRow]
    state: State
    tracked_until_us: int | None


def find(connection: sa.Connection, query: StatisticsQuery) -> Found:
    """Return what *query* asks for."""
    of_all = Dimension.TAG if query.tag else Dimension.TOTAL
    totals = _rows(connection, query, of_all, query.tag, told_by=None)
    rows: Sequence[StatisticsRow] = []
    if query.dimension is Dimension.CONFIGURATION:
        rows = _rows(connection, query, of_all, query.tag, told_by="configuration_id")
    elif query.dimension is not Dimension.TOTAL:
        rows = _rows(connection, query, query.dimension, None, told_by="value")
    return Found(totals, rows, read_state(connection), tracked_until_us(connection))


def _rows(
    connection: sa.Connection,
    query: StatisticsQuery,
    dimension: Dimension,
    value: str | None,
    *,
    told_by: str | None,
) -> list[StatisticsRow]:
    """Return the rows of *dimension*, and of *value* if it is one, by the column *told_by*."""
    sums: _Sums = collections.defaultdict(collections.Counter)
    for table, names in ((statistics, _COUNTED), (tracked_counts, _TRACKED)):
        statement = _select(table, names, query, dimension, told_by=told_by)
        if value is not None:
            statement = statement.where(table.c.value == value)
        elif query.tag_key:
            prefix = f"{query.tag_key}="
            statement = statement.where(sa.func.substr(table.c.value, 1, len(prefix)) == prefix)
        _add_up(sums, query, names, connection.execute(statement))
    return [
        StatisticsRow(start=start, value=value, counts=Counts(**counts))
        for (start, value), counts in sorted(sums.items())
        if any(counts.values())
    ]


def _select(
    table: sa.Table,
    names: Sequence[str],
    query: StatisticsQuery,
    dimension: Dimension,
    *,
    told_by: str | None,
) -> sa.Select[tuple[Any, ...]]:
    """Return what adds up the columns *names* of *table*, by the hour or day and *told_by*."""
    value = sa.literal("") if told_by is None else table.c[told_by]
    # Rows that are of one answer in the end are added up by the database.
    start = sa.literal(0) if query.interval is None else table.c.start_hour
    told = [each for each in (start, value) if isinstance(each, sa.Column)]
    statement = sa.select(start, value, *(sa.func.sum(table.c[name]) for name in names)).where(
        table.c.granularity == (HOURS if query.interval is Interval.HOUR else DAYS),
        table.c.dimension == int(dimension),
        table.c.start_hour >= microseconds_of(query.start) // HOUR_US,
        table.c.start_hour < microseconds_of(query.end) // HOUR_US,
    )
    if query.configuration_ids is not None:
        statement = statement.where(table.c.configuration_id.in_(sorted(query.configuration_ids)))
    return statement.group_by(*told) if told else statement.having(sa.func.count() > 0)


def _add_up(
    sums: _Sums, query: StatisticsQuery, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    for start_hour, value, *counts in rows:
        of_interval = sums[_interval_of(query, start_hour), value]
        for name, count in zip(names, counts, strict=True):
            of_interval[name] += int(count)


def _interval_of(query: StatisticsQuery, start_hour: int) -> dt.datetime:
    if query.interval is None:
        return query.start
    start = time_of(start_hour * HOUR_US)
    return start.replace(day=1) if query.interval is Interval.MONTH else start
