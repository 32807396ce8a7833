"""How late pixels are while PostgreSQL, or the log process, is away.

    python -m benchmarks.open_log.outage [--what postgres|log-process] [--seconds 10]

So many seconds each: with it, without it, and with it again.  PostgreSQL is killed once; the
log process again and again, as soon as the supervisor has begun another.  The bar: p99 while
it is away within twice that with it.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.bars import most
from benchmarks.open_log.memory import LOG_PROCESS, name_of
from benchmarks.open_log.serving import Running, load, running_service, sealed_tokens
from benchmarks.open_log.where_time_goes import processes_of
from pixel_service.open_log import migrate
from tests.fixtures.postgres import running_postgres

MESSAGES: Final = 20_000

# How often it is looked whether there is a log process again.
LOOK_SECONDS: Final = 0.1

# The bar.
MOST_TIMES: Final = 2.0

Away = Callable[[], AbstractContextManager[None]]
"""Has the thing away inside the block."""


@contextlib.contextmanager
def service_on_postgres(data: Path) -> Iterator[tuple[Running, Away]]:
    """Run the service on PostgreSQL, which may be away."""
    with running_postgres() as server:
        url = server.url_of(asyncio.run(server.create_database()))
        asyncio.run(migrate(url))

        @contextlib.contextmanager
        def away() -> Iterator[None]:
            server.kill()
            yield
            server.start()

        with running_service(data, log_url=url) as service:
            yield service, away


@contextlib.contextmanager
def service_on_sqlite(data: Path) -> Iterator[tuple[Running, Away]]:
    """Run the service on the embedded default, whose log process may be away."""
    with running_service(data) as service:

        @contextlib.contextmanager
        def away() -> Iterator[None]:
            over = threading.Event()
            killing = threading.Thread(target=_kill_log_processes, args=(service.pid, over))
            killing.start()
            yield
            over.set()
            killing.join()

        yield service, away


def _kill_log_processes(supervisor: int, over: threading.Event) -> None:
    """Kill the log process whenever there is one."""
    while not over.wait(LOOK_SECONDS):
        # Any may have ended since it was found.
        with contextlib.suppress(OSError):
            for pid in processes_of(supervisor):
                if name_of(pid) == LOG_PROCESS:
                    os.kill(pid, signal.SIGKILL)


SERVICES: Final = {"postgres": service_on_postgres, "log-process": service_on_sqlite}


def p99_of(name: str, service: Running, options: argparse.Namespace) -> float:
    """Load the service, print what it does, and return its p99 in ms."""
    tokens = sealed_tokens(MESSAGES, service.ring)
    found = uvloop.run(
        load(service.http, tokens, seconds=options.seconds, connections=options.connections)
    )
    print(
        f"{name:>8} {found.per_second:>8,.0f} {found.p50_ms:>7.1f} {found.p99_ms:>7.1f}", flush=True
    )
    return found.p99_ms


def main() -> None:
    """Measure before, during and after an outage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--what", choices=SERVICES, default="postgres")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        SERVICES[options.what](Path(folder) / "data") as (service, away),
    ):
        print(f"{'':>8} {'opens/s':>8} {'p50 ms':>7} {'p99 ms':>7}")
        there = p99_of("there", service, options)
        with away():
            times = p99_of("away", service, options) / there
        p99_of("back", service, options)
        print(f"p99 while it is away: {times:.2f} times, {most(MOST_TIMES, times)}")


if __name__ == "__main__":
    main()
