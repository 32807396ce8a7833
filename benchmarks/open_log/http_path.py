"""Durable opens through the whole HTTP path, against a handler that does nothing.

    python -m benchmarks.open_log.http_path [--rounds 5] [--seconds 3] [--connections 64 256]

The floor is the fastest aiohttp handler there is: the low-level server with the same
prepared octets, which opens no token and records nothing. Floor and services run in
turn, round by round, so that what else the machine does hits all; before each turn the
logs have recorded what the turns before left in the journals. A message's pixel is fetched
again only after all others, which is the service's worst case, but for the one that is
"seen": a thousand messages, again and again.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web

from benchmarks.bars import least, most
from benchmarks.open_log.serving import (
    Load,
    Running,
    load,
    running_service,
    sealed_tokens,
    wait_until_listening,
)
from examples.pair import HOST, free_ports
from pixel_service.endpoint.handler import PIXEL
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.open_log import migrate
from tests.fixtures.postgres import running_postgres

MESSAGES: Final = 30_000
# A message makes at most a thousand opens in an hour.
SEEN_MESSAGES: Final = 1_000

# The bars: shares of the floor by connections, p99, and PostgreSQL's share of SQLite.
DURABLE: Final = "SQLite"
LEAST_OF_FLOOR: Final = {64: 0.50, 256: 0.62}
MOST_P99_MS: Final = {64: 8.0}
LEAST_OF_SQLITE: Final = 0.95


def _serve_bare(address: str) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return PIXEL.answer(request)

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(answer, access_log=None))
        await runner.setup()
        for each in listen_for_pixels(address):
            await web.SockSite(runner, each).start()
        await asyncio.Event().wait()

    uvloop.run(serve())


@contextlib.contextmanager
def running_floor() -> Iterator[str]:
    """Run the bare handler inside the block; yields its address."""
    address = f"{HOST}:{free_ports(1)}"
    process = multiprocessing.get_context("spawn").Process(
        target=_serve_bare, args=(address,), daemon=True
    )
    process.start()
    try:
        wait_until_listening(address)
        yield address
    finally:
        process.terminate()
        process.join()


@dataclasses.dataclass(slots=True)
class _Turn:
    """One of those that take turns."""

    name: str
    address: str
    tokens: Sequence[str]
    service: Running | None = None
    """None: the floor."""
    found: list[Load] = dataclasses.field(default_factory=list)

    def measure(self, *, seconds: float, connections: int) -> Load:
        """Load it for a while."""
        return uvloop.run(load(self.address, self.tokens, seconds=seconds, connections=connections))

    def ratios(self, floor: "_Turn") -> list[float]:
        """Return what its rates are of those of *floor*, round by round."""
        both = zip(self.found, floor.found, strict=True)
        return [each.per_second / other.per_second for each, other in both]

    def show(self, floor: "_Turn", *, connections: int) -> None:
        """Print its medians, beside *floor* and the bars for so many *connections*."""
        ratios = self.ratios(floor)
        rate = statistics.median([each.per_second for each in self.found])
        p50 = statistics.median([each.p50_ms for each in self.found])
        p99 = statistics.median([each.p99_ms for each in self.found])
        print(
            f"{self.name:>32} {rate:>8,.0f}/s {statistics.median(ratios):>5.2f}"
            f" ({min(ratios):.2f} to {max(ratios):.2f}) p50 {p50:>5.1f} ms, p99 {p99:>5.1f} ms",
            flush=True,
        )
        if self.name == DURABLE and connections in LEAST_OF_FLOOR:
            bar = least(LEAST_OF_FLOOR[connections], statistics.median(ratios))
            print(f"{'of the bare handler':>32} {bar}")
        if self.name == DURABLE and connections in MOST_P99_MS:
            print(f"{'p99, ms':>32} {most(MOST_P99_MS[connections], p99)}")


def _compare(turns: Sequence[_Turn], *, rounds: int, seconds: float, connections: int) -> None:
    """Measure all in turn, and print the medians; the first is the floor."""
    for turn in turns:
        turn.found.clear()
        turn.measure(seconds=0.5, connections=4)
    for _ in range(rounds):
        for turn in turns:
            for each in turns:
                if each.service is not None:
                    each.service.wait_until_recorded()
            turn.found.append(turn.measure(seconds=seconds, connections=connections))
    print(f"{connections} connections, medians of {rounds} rounds, and the least and most ratio")
    for turn in turns:
        turn.show(turns[0], connections=connections)


@contextlib.contextmanager
def _running_log() -> Iterator[str]:
    """Run a PostgreSQL server inside the block; yields the URL of an empty log."""
    with running_postgres() as server:
        url = server.url_of(asyncio.run(server.create_database()))
        asyncio.run(migrate(url))
        yield url


@contextlib.contextmanager
def _turns() -> Iterator[list[_Turn]]:
    with contextlib.ExitStack() as stack:

        def service(*, workers: int = 1, log_url: str | None = None) -> Running:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            return stack.enter_context(
                running_service(folder / "data", workers=workers, log_url=log_url)
            )

        floor = stack.enter_context(running_floor())
        sqlite = service()
        postgres = service(log_url=stack.enter_context(_running_log()))
        two = service(workers=2)
        tokens = {each.http: sealed_tokens(MESSAGES, each.ring) for each in (sqlite, postgres, two)}
        seen = tokens[sqlite.http][:SEEN_MESSAGES]
        yield [
            _Turn("bare handler", floor, seen),
            _Turn(DURABLE, sqlite.http, tokens[sqlite.http], sqlite),
            _Turn("SQLite, seen before", sqlite.http, seen, sqlite),
            _Turn("PostgreSQL", postgres.http, tokens[postgres.http], postgres),
            _Turn("SQLite, two endpoint processes", two.http, tokens[two.http], two),
        ]


def main() -> None:
    """Measure each number of connections."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, nargs="*", default=[64, 256])
    options = parser.parse_args()
    with _turns() as turns:
        for connections in options.connections:
            _compare(turns, rounds=options.rounds, seconds=options.seconds, connections=connections)
            ratio = statistics.median(turns[3].ratios(turns[1]))
            bar = least(LEAST_OF_SQLITE, ratio)
            print(f"PostgreSQL against SQLite: median {ratio:.2f}, {bar}")


if __name__ == "__main__":
    main()
