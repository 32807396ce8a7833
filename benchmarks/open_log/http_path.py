"""Durable opens through the whole HTTP path, against a handler that does nothing.

    python -m benchmarks.open_log.http_path [--rounds 3] [--seconds 3] [--connections 64 256]

The floor is the fastest aiohttp handler there is: the low-level server with the same
prepared octets, which opens no token and records nothing. Floor and service run in
turn, round by round, so that what else the machine does hits both. A message's pixel
is fetched again only after all others, which is the service's worst case.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web

from benchmarks.open_log.serving import (
    Load,
    Running,
    free_addresses,
    load,
    running_service,
    sealed_tokens,
    wait_until_listening,
)
from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.handler import (
    PIXEL,
    PixelHandler,
    pixel_server,
)
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.open_log import migrate
from tests.fixtures.postgres import running_postgres

MESSAGES: Final = 30_000


class _Bare(PixelHandler):
    """Answers with the pixel, and that is all."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return PIXEL.answer(request)


def _serve_bare(address: str) -> None:
    async def nothing(_: object) -> None:
        return

    async def serve() -> None:
        handler = _Bare(nothing, ClientAddresses())
        sockets = listen_for_pixels(address)
        async with pixel_server(sockets=sockets, handler=handler, grace=dt.timedelta()):
            await asyncio.Event().wait()

    uvloop.run(serve())


@contextlib.contextmanager
def running_floor() -> Iterator[str]:
    """Run the bare handler inside the block; yields its address."""
    (address,) = free_addresses(1)
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


def _measure(address: str, tokens: list[str], options: argparse.Namespace) -> Load:
    return uvloop.run(
        load(address, tokens, seconds=options.seconds, connections=options.connections)
    )


def _compare(floor: str, service: Running, options: argparse.Namespace) -> float:
    """Print floor and service, round by round; return the median of the opens a second."""
    tokens = sealed_tokens(MESSAGES, service.ring)
    for address in (floor, service.http):
        _measure(address, tokens, argparse.Namespace(seconds=0.5, connections=4))
    ratios, rates = [], []
    print(f"{'':>8} {'floor/s':>9} {'opens/s':>9} {'ratio':>6} {'p50 ms':>7} {'p99 ms':>7}")
    for number in range(options.rounds):
        bare = _measure(floor, tokens, options)
        durable = _measure(service.http, tokens, options)
        ratios.append(durable.per_second / bare.per_second)
        rates.append(durable.per_second)
        print(
            f"round {number + 1:>2} {bare.per_second:>9,.0f} {durable.per_second:>9,.0f}"
            f" {ratios[-1]:>6.2f} {durable.p50_ms:>7.1f} {durable.p99_ms:>7.1f}",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.2f}")
    return statistics.median(rates)


def _rate(floor: str, options: argparse.Namespace, *, workers: int, log_url: str | None) -> float:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data", workers=workers, log_url=log_url) as service,
    ):
        log = "SQLite" if log_url is None else "PostgreSQL"
        print(f"{log}, {workers} endpoint process(es), {options.connections} connections")
        return _compare(floor, service, options)


@contextlib.contextmanager
def _running_log() -> Iterator[str]:
    """Run a PostgreSQL server inside the block; yields the URL of an empty log."""
    with running_postgres() as server:
        url = server.url_of(asyncio.run(server.create_database()))
        asyncio.run(migrate(url))
        yield url


def main() -> None:
    """Measure with one endpoint process and with two, and one on PostgreSQL."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    with running_floor() as floor, _running_log() as log_url:
        for connections in options.connections:
            _measure_all(
                floor,
                argparse.Namespace(**{**vars(options), "connections": connections}),
                log_url=log_url,
            )


def _measure_all(floor: str, options: argparse.Namespace, *, log_url: str) -> None:
    rates = [_rate(floor, options, workers=workers, log_url=None) for workers in options.workers]
    for workers, rate in zip(options.workers, rates, strict=True):
        print(f"{workers} endpoint process(es) against {options.workers[0]}: {rate / rates[0]:.2f}")
    postgres = _rate(floor, options, workers=options.workers[0], log_url=log_url)
    print(f"PostgreSQL against SQLite: {postgres / rates[0]:.2f}")


if __name__ == "__main__":
    main()
