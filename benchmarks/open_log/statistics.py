"""How long statistics of a year take to be told, by gRPC.

    python -m benchmarks.open_log.statistics [--configurations 20] [--backend sqlite|postgres]

The counts of a year of ten million opens are made directly: what is asked for is never read
from opens, so their number does not matter, but that of the counts does: days times
configurations times values.  Each request is the fastest of five.
"""

import argparse
import asyncio
import datetime as dt
import functools
import itertools
import time
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from benchmarks.open_log.log_alone import add_backend_option, empty_logs
from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.notification import number_open
from pixel_service.open_log import Dimension, OpenLog, connect
from pixel_service.open_log.sql.statistics.tallies import DAYS
from pixel_service.open_log.sql.statistics.upserting import upsert
from pixel_service.open_log.sql.tables import statistics
from pixel_service.statistics import COUNTING_RULES
from tests.pixel.service_values import streaming

YEAR: Final = 365
OPENS: Final = 10_000_000

# Values of each dimension that a configuration has opens of on a day.
VALUES: Final = {
    Dimension.TOTAL: 1,
    Dimension.TAG: 50,
    Dimension.AGENT: 6,
    Dimension.CONFIDENCE: 4,
    Dimension.CLIENT: 12,
    Dimension.MAILBOX_PROVIDER: 15,
    Dimension.PRIVACY_LEVEL: 4,
}

# By the number of values of each, four times.
_DIVISIBLE: Final = 1_200

# Rows of one transaction.
STEP: Final = 20_000

FASTEST_OF: Final = 5

_START: Final = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_SPAN: Final[dict[str, Any]] = {
    "start_time": _START,
    "end_time": _START + dt.timedelta(days=YEAR),
}
_DAY: Final = {**_SPAN, "interval": pb.INTERVAL_DAY}

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "by day": _DAY,
    "one configuration by day": {**_DAY, "configuration_ids": ["configuration-1"]},
    "one tag by day": {**_DAY, "tag": "value=3"},
    "by day and likely agent": {**_DAY, "dimension": pb.DIMENSION_AGENT},
    "by day and provider": {**_DAY, "dimension": pb.DIMENSION_MAILBOX_PROVIDER},
    "by day and tag": {**_DAY, "dimension": pb.DIMENSION_TAG},
    "by month and configuration": {
        **_SPAN,
        "interval": pb.INTERVAL_MONTH,
        "dimension": pb.DIMENSION_CONFIGURATION,
    },
    "a week by day and client": {
        **_DAY,
        "start_time": _START + dt.timedelta(days=YEAR - 7),
        "dimension": pb.DIMENSION_CLIENT,
    },
    "in all by tag": {**_SPAN, "dimension": pb.DIMENSION_TAG},
}


def rows(configurations: int) -> Iterator[tuple[object, ...]]:
    """Yield the counts of a year."""
    start = int(_START.timestamp()) // 3600
    # Such that the values of each dimension add up to the total.
    opens = OPENS // YEAR // configurations // _DIVISIBLE * _DIVISIBLE
    for day, (dimension, values) in itertools.product(range(YEAR), VALUES.items()):
        for value, configuration in itertools.product(range(values), range(configurations)):
            share = opens // values
            yield (
                DAYS,
                int(dimension),
                f"value={value}" if dimension is not Dimension.TOTAL else "",
                start + 24 * day,
                f"configuration-{configuration}",
                *(share, share // 2, share // 2, share // 4, 0, share // 4, share // 2),
            )


async def fill(log: OpenLog, configurations: int) -> int:
    """Write the counts of a year; return how many."""
    count = 0
    made = rows(configurations)
    while some := list(itertools.islice(made, STEP)):
        write = functools.partial(upsert, table=statistics, rows=some, is_added=True)
        await log.execute(write)  # type: ignore[attr-defined]  # what both kinds of logs have
        count += len(some)

    def settle(connection: sa.Connection) -> None:
        # As autovacuum does some time after that.  SQLite has nothing of that kind.
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE open_statistics")

    await log.execute(settle)  # type: ignore[attr-defined]  # see above
    return count


async def run(url: str, configurations: int) -> None:
    """Ask for each kind of statistics, and print how long that takes."""
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        print(f"{await fill(log, configurations):,} counts of {configurations} configurations")
        async with streaming(log) as service:
            for name, fields in REQUESTS.items():
                fastest = float("inf")
                for _ in range(FASTEST_OF):
                    began = time.perf_counter()
                    response = await service.statistics.GetStatistics(
                        pb.GetStatisticsRequest(**fields)
                    )
                    fastest = min(fastest, time.perf_counter() - began)
                print(f"{name:28} {1e3 * fastest:7.1f} ms {response.ByteSize():10,} octets")


def main() -> None:
    """Measure the backends, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configurations", type=int, default=20)
    add_backend_option(parser)
    options = parser.parse_args()
    for url in empty_logs(options.backend):
        asyncio.run(run(url, options.configurations))


if __name__ == "__main__":
    main()
