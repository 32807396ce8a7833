"""How fast opens are counted for statistics, and what recording loses beside it.

    python -m benchmarks.open_log.counting [--opens 60000] [--seconds 2] [--backend sqlite|postgres]

Counts what a log holds, without pauses, and as the service does while nothing is recorded.
Then records evenly into it, in windows that take
turns: alone, and while the log is counted from its beginning once more, as it is done in the
service.  What recording waits for is printed as ratios of the two.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import datetime as dt
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Sequence

import sqlalchemy as sa

from benchmarks.open_log.log_alone import add_backend_option, empty_logs
from pixel_service.notification import number_open
from pixel_service.open_log import OpenLog, OpenRecord, connect
from pixel_service.statistics import COUNTING_RULES
from tests.pixel.open_log.statistics_values import counted_open

# Of a service that records a batch of so many about so often: 6,400 opens a second.
BATCH = 64
EVERY_SECONDS = 0.01

# Turns of each kind.
WINDOWS = 6

_AGENTS = 6
_CAMPAIGNS = 20
_OPENS_OF_MESSAGE = 3

_START_AGAIN = (
    "DELETE FROM open_statistics",
    "DELETE FROM open_statistics_messages",
    "UPDATE open_statistics_state SET transaction_id = 0, sequence = 0, changes = changes + 1",
)

_numbers = itertools.count()
_BEGAN = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def new_open() -> OpenRecord:
    """Return an open, of which no two in a row are alike."""
    number = next(_numbers)
    return counted_open(
        key=b"%016d" % (number // _OPENS_OF_MESSAGE),
        configuration_id=f"configuration-{number % 5}",
        agent=number % _AGENTS,
        confidence=number // _AGENTS % 4,
        time=_BEGAN + dt.timedelta(seconds=number / 10),
        tags={"campaign": [f"{number % _CAMPAIGNS}"], "season": ["spring"]},
    )


async def fill(log: OpenLog, count: int) -> None:
    """Record *count* opens."""
    for _ in range(count // 500):
        await log.append([new_open() for _ in range(500)])


async def count_all(log: OpenLog) -> tuple[int, float]:
    """Count everything without a pause; return how many opens, and how many a second."""
    count, began = 0, time.perf_counter()
    while step := await log.statistics.count_step():
        count += step
    return count, count / (time.perf_counter() - began)


async def count_at_rest(log: OpenLog) -> float:
    """Count everything as the service does; return how many opens a second."""
    began = time.perf_counter()
    count = sum([step async for step in log.statistics.count()])
    return count / (time.perf_counter() - began)


async def start_again(log: OpenLog) -> None:
    """Forget what is counted."""

    def forget(connection: sa.Connection) -> None:
        for statement in _START_AGAIN:
            connection.exec_driver_sql(statement)

    await log.execute(forget)  # type: ignore[attr-defined]  # what both kinds of logs have


async def record(log: OpenLog, batches: Sequence[Sequence[OpenRecord]]) -> list[float]:
    """Record *batches*, one after the other at their times; return how long each took."""
    waits = []
    due = time.perf_counter()
    for batch in batches:
        due += EVERY_SECONDS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        await log.append(batch)
        waits.append(time.perf_counter() - began)
    return waits


@dataclasses.dataclass(slots=True)
class Beside:
    """Counts beside a block."""

    counted: int = 0
    seconds: float = 0.0

    async def _count(self, log: OpenLog) -> None:
        while True:
            async for step in log.statistics.count():
                self.counted += step
            await start_again(log)

    @contextlib.asynccontextmanager
    async def counting(self, log: OpenLog) -> AsyncIterator[None]:
        """Count during the block."""
        began = time.perf_counter()
        task = asyncio.create_task(self._count(log))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.seconds += time.perf_counter() - began


async def measure(log: OpenLog, seconds: float) -> None:
    """Record in turns, and print what was waited for."""
    beside = Beside()
    alone: list[float] = []
    counted: list[float] = []
    size = int(seconds / EVERY_SECONDS)
    for _ in range(WINDOWS):
        batches = [[new_open() for _ in range(BATCH)] for _ in range(size)]
        alone += await record(log, batches[: size // 2])
        async with beside.counting(log):
            counted += await record(log, batches[size // 2 :])
    print(f"beside recording: {beside.counted / beside.seconds:,.0f} opens/s counted")
    print(f"{'':10} {'alone':>9} {'counting':>9} {'ratio':>6}")
    for name, at in (("p50", 50), ("p90", 90), ("p99", 99)):
        before, now = (statistics.quantiles(each, n=100)[at - 1] for each in (alone, counted))
        print(f"{name:10} {1e3 * before:>6.2f} ms {1e3 * now:>6.2f} ms {now / before:>6.2f}")


async def run(url: str, options: argparse.Namespace) -> None:
    """Measure the log at *url*."""
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        await fill(log, options.opens)
        count, per_second = await count_all(log)
        print(f"counting alone: {per_second:,.0f} opens/s ({count:,} opens)")
        await start_again(log)
        print(f"while nothing is recorded: {await count_at_rest(log):,.0f} opens/s")
        await start_again(log)
        await measure(log, options.seconds)


def main() -> None:
    """Measure the backends, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opens", type=int, default=60_000)
    parser.add_argument("--seconds", type=float, default=2)
    add_backend_option(parser)
    options = parser.parse_args()
    for url in empty_logs(options.backend):
        asyncio.run(run(url, options))


if __name__ == "__main__":
    main()
