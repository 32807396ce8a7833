"""What people who look at the page cost: what the pixel feels of them, and what recording does.

    python -m benchmarks.open_log.viewers [--viewers 10] [--per-second 2000] [--rounds 3]

All look at *Now*, live, while pixels are fetched.  In turns with another service, which has no
page: an even load, whose latencies are compared, and as much as the service takes, of which it is
said how many opens a second come into the log, and how much processor time all processes of the
service have for one.  The viewers run with `nice` 10: elsewhere they are other machines'.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import uvloop

from benchmarks.open_log.felt import Felt
from benchmarks.open_log.serving import Running, running_service
from benchmarks.open_log.watching import Asked, loading
from benchmarks.open_log.where_time_goes import processes_of
from benchmarks.rpc_security import processor_seconds

# What it takes the viewers' process to begin.
START_SECONDS: Final = 3.0


async def _look(page: str, until: float) -> int:
    """Look at *Now* until a time; return how many octets came live."""
    octets = 0
    # A browser's own bound for what it does not wait for.
    limits = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=limits) as browser:
        async with browser.get(f"http://{page}/") as response:
            await response.read()
        async with browser.get(f"http://{page}/live") as response:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until - time.time()):
                    async for chunk in response.content.iter_any():
                        octets += len(chunk)
    return octets


def look(page: str, count: int, until: float) -> list[int]:
    """Look with so many viewers until a time; return what came to each."""

    async def look_all() -> list[int]:
        return await asyncio.gather(*(_look(page, until) for _ in range(count)))

    return uvloop.run(look_all())


@contextlib.asynccontextmanager
async def looking(service: Running, options: argparse.Namespace) -> AsyncIterator[None]:
    """Have viewers look beside the block, for as long as one measurement takes."""
    if service.page is None:
        raise SystemExit("there is no page")
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=context, initializer=os.nice, initargs=(10,)
    ) as pool:
        until = time.time() + options.seconds + START_SECONDS
        viewers = asyncio.get_running_loop().run_in_executor(
            pool, look, service.page, options.viewers, until
        )
        await asyncio.sleep(START_SECONDS)
        yield
        came = await viewers
        print(f"live: {min(came) / 1024:,.0f} kB at least to each of {len(came)}", flush=True)


class Recorded(NamedTuple):
    """What a service has recorded while it was given all it takes."""

    per_second: float

    processor_us: float
    """For one open, of all its processes."""

    def of(self, floor: "Recorded") -> "Recorded":
        """Return what it is of *floor*."""
        return Recorded(*(more / less for more, less in zip(self, floor, strict=True)))


def _processor_seconds(service: Running) -> float:
    return sum(processor_seconds(each) for each in processes_of(service.pid))


async def recorded(service: Running, options: argparse.Namespace) -> Recorded:
    """Load the pixel with all it takes; return what comes into the log."""
    before, began, began_processor = (
        service.recorded(),
        time.perf_counter(),
        _processor_seconds(service),
    )
    async with loading(
        service, Asked(seconds=options.seconds, connections=options.connections)
    ) as result:
        await result
    await asyncio.to_thread(service.wait_until_recorded)
    count = service.recorded() - before
    return Recorded(
        per_second=count / (time.perf_counter() - began),
        processor_us=1e6 * (_processor_seconds(service) - began_processor) / count,
    )


def show(found: Sequence[tuple[Recorded, Recorded]]) -> None:
    """Print the medians by itself and beside viewers, and the ratios of each round."""
    ratios = [beside.of(by_itself) for by_itself, beside in found]
    for number, name in enumerate(("opens/s recorded", "us of processor an open")):
        by_itself, beside, ratio = (
            statistics.median(each[number] for each in some)
            for some in (*zip(*found, strict=True), ratios)
        )
        least, most = (choose(each[number] for each in ratios) for choose in (min, max))
        print(
            f"{name}: {by_itself:,.0f} by itself, {beside:,.0f} beside viewers:"
            f" {ratio:.2f} ({least:.2f} to {most:.2f})"
        )


async def measure(options: argparse.Namespace) -> None:
    """Print everything, in turns with a service that has no page."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "alone") as alone,
        running_service(Path(folder) / "watched", has_page=True) as watched,
    ):
        felt, felt_beside = Felt(alone, options), Felt(watched, options)
        found: list[tuple[Recorded, Recorded]] = []
        for _ in range(options.rounds):
            await felt.by_itself()
            by_itself = await recorded(alone, options)
            async with looking(watched, options):
                felt_beside.alone.append(await felt_beside.load())
            async with looking(watched, options):
                found.append((by_itself, await recorded(watched, options)))
        felt.show(f"beside {options.viewers} viewers", felt_beside.alone)
        show(found)


def main() -> None:
    """Measure one service on the embedded default."""
    os.umask(0o077)
    parser = argparse.ArgumentParser()
    parser.add_argument("--viewers", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--per-second", type=float, default=2_000)
    parser.add_argument("--connections", type=int, default=32)
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
