"""Counts of opens by day and configuration, in both databases' SQL."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from pixel_service.openlog import clock
from pixel_service.openlog.tables import opens
from pixel_service.opens import DayCount

_DAY_US: Final = 86_400_000_000

# Ten years of ten configurations.  The newest days are given.
MAX_DAY_COUNTS: Final = 36_500


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
            sa.func.count(),
            sa.func.sum(sa.case((opens.c.open_number == 1, 1), else_=0)),
        )
        .group_by(day_number, opens.c.configuration_id)
        .order_by(day_number.desc(), opens.c.configuration_id)
        .limit(MAX_DAY_COUNTS)
    )
    return [
        DayCount(
            day=clock.from_us(number * _DAY_US).date(),
            configuration_id=configuration_id,
            opens=count,
            first_opens=int(first),
        )
        for number, configuration_id, count, first in connection.execute(query)
    ]
