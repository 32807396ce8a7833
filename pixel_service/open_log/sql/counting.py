"""Counts of opens by day and configuration, in both databases' SQL."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.sql.tables import opens
from pixel_service.open_log.values import DayCount
from service_runtime.times import time_of

_DAY_US: Final = 86_400_000_000

# Ten years of ten configurations.  The newest days are given.
MAX_DAY_COUNTS: Final = 36_500

# As many kinds of agents as the contract may come to have.
_MAX_AGENTS: Final = 16


def daily_counts(connection: sa.Connection) -> Sequence[DayCount]:
    """Return the counts of what the log holds, the newest day first."""
    # Floor division, also on PostgreSQL: the times are after 1970.
    day = opens.c.recorded_us / sa.literal_column(str(_DAY_US))
    if connection.dialect.name != "sqlite":
        day = sa.func.floor(day)
    day_number = sa.cast(day, sa.BigInteger)
    query = (
        sa.select(
            day_number,
            opens.c.configuration_id,
            opens.c.agent,
            sa.func.count(),
            sa.func.sum(sa.case((opens.c.open_number == 1, 1), else_=0)),
        )
        # Of an erased open not even the configuration is left.
        .where(opens.c.configuration_id != "")
        .group_by(day_number, opens.c.configuration_id, opens.c.agent)
        .order_by(day_number.desc(), opens.c.configuration_id)
        .limit(MAX_DAY_COUNTS * _MAX_AGENTS)
    )
    groups = itertools.groupby(connection.execute(query), lambda row: (row[0], row[1]))
    return [_count_of(*key, rows) for key, rows in itertools.islice(groups, MAX_DAY_COUNTS)]


def _count_of(day_number: int, configuration_id: str, rows: Iterable[Any]) -> DayCount:
    counts = [(agent, count, int(first)) for _, _, agent, count, first in rows]
    return DayCount(
        day=time_of(day_number * _DAY_US).date(),
        configuration_id=configuration_id,
        opens=sum(count for _, count, _ in counts),
        first_opens=sum(first for _, _, first in counts),
        opens_by_agent={agent: count for agent, count, _ in counts},
    )
