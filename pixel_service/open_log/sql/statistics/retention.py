"""Removes counts that are too old, in bounded steps."""

import datetime as dt
import itertools
from typing import Final, NamedTuple

import sqlalchemy as sa

from pixel_service.open_log.sql.statistics.state import locked_state, read_state, write_state
from pixel_service.open_log.sql.statistics.tallies import DAYS, HOUR_US, HOURS, HOURS_OF_DAY, day_of
from pixel_service.open_log.sql.tables import statistics, tracked_counts
from pixel_service.open_log.statistics import HOURS_KEPT, Dimension
from service_runtime.times import microseconds_of

# Rows removed in one transaction: a few milliseconds.
_STEP_ROWS: Final = 500


class Edges(NamedTuple):
    """Since when counts are kept."""

    first_hour: int
    """Of hours, in hours after 1970; where a day begins."""

    first_day: int


def edges_of(now: dt.datetime, *, older_than: dt.timedelta) -> Edges:
    """Return since when counts are kept."""
    hours_us = microseconds_of(now - min(HOURS_KEPT, older_than))
    days_us = microseconds_of(now - older_than)
    return Edges(
        first_hour=day_of(hours_us // HOUR_US),
        first_day=day_of(days_us // HOUR_US),
    )


def begin(connection: sa.Connection, edges: Edges) -> None:
    """Take no more counts that are too old: from then on nothing adds to what is removed."""
    state = locked_state(connection)
    state.first_hour = _later(state.first_hour, edges.first_hour)
    state.first_day = _later(state.first_day, edges.first_day)
    write_state(connection, state)


def _later(known: int, edge: int) -> int:
    """Return the later of both, unless the clock was ahead when *known* became one.

    Nothing would be kept until that time came.  Machines whose clocks differ by a little are
    not of one day for a moment.
    """
    return edge if known - edge > HOURS_OF_DAY else max(known, edge)


def remove_step(connection: sa.Connection) -> int:
    """Remove some counts that are too old; return how many."""
    state = read_state(connection)
    first = {HOURS: state.first_hour, DAYS: state.first_day}
    removed = 0
    for table, granularity, dimension in itertools.product(
        (statistics, tracked_counts), first, Dimension
    ):
        if removed < _STEP_ROWS:
            old = sa.select(*table.primary_key).where(
                table.c.granularity == granularity,
                table.c.dimension == int(dimension),
                table.c.start_hour < first[granularity],
            )
            removed += connection.execute(
                table.delete().where(
                    sa.tuple_(*table.primary_key).in_(old.limit(_STEP_ROWS - removed))
                )
            ).rowcount
    return removed
