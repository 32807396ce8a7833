"""Adds up the counts that a query asks for."""

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
_ALL: Final = (*_COUNTED, *_TRACKED)

# Tells values, which may be empty, from the rest.
_TOLD: Final = "="
_REST: Final = ""

_Sums: TypeAlias = dict[tuple[dt.datetime, str], list[int]]
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
    sums: _Sums = {}
    for table, names in ((statistics, _COUNTED), (tracked_counts, _TRACKED)):
        statement = _select(table, names, query, dimension, told_by=told_by)
        if value is not None:
            statement = statement.where(table.c.value == value)
        elif query.tag_key:
            prefix = f"{query.tag_key}="
            statement = statement.where(sa.func.substr(table.c.value, 1, len(prefix)) == prefix)
        _add_up(sums, query, _ALL.index(names[0]), connection.execute(statement))
    return [
        StatisticsRow(
            start=start,
            value=told[len(_TOLD) :],
            counts=Counts(**dict(zip(_ALL, counts, strict=True))),
            is_rest=told == _REST,
        )
        for (start, told), counts in sorted(sums.items())
        if any(counts)
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
    told: sa.ColumnElement[str] = sa.literal_column(f"'{_TOLD}'")
    # In the order of the primary key, so that nothing needs to be sorted.
    groups: list[sa.ColumnElement[Any]] = []
    if told_by is not None:
        told = told + table.c[told_by]
        groups.append(table.c[told_by])
        if query.told_apart is not None:
            is_told = table.c[told_by].in_(sorted(query.told_apart))
            told = sa.case((is_told, told), else_=sa.literal_column(f"'{_REST}'"))
            groups = [sa.literal_column("told")]
    start: sa.ColumnElement[int] = sa.literal_column("0")
    if query.interval is not None:
        start = table.c.start_hour
        groups.append(start)
    columns: list[sa.ColumnElement[Any]] = [start.label("start"), told.label("told")]
    columns += [sa.func.sum(table.c[name]) for name in names]
    statement = sa.select(*columns).where(
        table.c.granularity == (HOURS if query.interval is Interval.HOUR else DAYS),
        table.c.dimension == int(dimension),
        table.c.start_hour >= microseconds_of(query.start) // HOUR_US,
        table.c.start_hour < microseconds_of(query.end) // HOUR_US,
    )
    if query.configuration_ids is not None:
        statement = statement.where(table.c.configuration_id.in_(sorted(query.configuration_ids)))
    return statement.group_by(*groups) if groups else statement.having(sa.func.count() > 0)


def _add_up(sums: _Sums, query: StatisticsQuery, first: int, rows: Iterable[Sequence[Any]]) -> None:
    """Add *rows*, whose counts are those of `_ALL` from *first* on."""
    intervals: dict[int, dt.datetime] = {}
    for start_hour, told, *counts in rows:
        interval = intervals.get(start_hour)
        if interval is None:
            interval = intervals[start_hour] = _interval_of(query, start_hour)
        of_interval = sums.get((interval, told))
        if of_interval is None:
            of_interval = sums[interval, told] = [0] * len(_ALL)
        for place, count in enumerate(counts, first):
            of_interval[place] += int(count)


def _interval_of(query: StatisticsQuery, start_hour: int) -> dt.datetime:
    if query.interval is None:
        return query.start
    start = time_of(start_hour * HOUR_US)
    return start.replace(day=1) if query.interval is Interval.MONTH else start
