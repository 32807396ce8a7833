"""What people who look at the page cost: what the pixel feels of them, and what recording does.

    python -m benchmarks.open_log.viewers [--viewers 10] [--per-second 2000] [--rounds 3]

All look at *Now*, live, while pixels are fetched.  In turns with nobody: an even load, whose
latencies are compared, and as much as the service takes, of which it is said how many opens a
second come into the log.  The viewers run with `nice` 10: elsewhere they are other machines'.
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
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import uvloop

from benchmarks.open_log.felt import Felt
from benchmarks.open_log.serving import Running, running_service
from benchmarks.open_log.watching import Asked, loading

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


async def recorded_per_second(service: Running, options: argparse.Namespace) -> float:
    """Load the pixel with all it takes; return how many opens a second came into the log."""
    before, began = service.recorded(), time.perf_counter()
    async with loading(
        service, Asked(seconds=options.seconds, connections=options.connections)
    ) as result:
        await result
    await asyncio.to_thread(service.wait_until_recorded)
    return (service.recorded() - before) / (time.perf_counter() - began)


async def measure(options: argparse.Namespace) -> None:
    """Print everything, in turns with nobody."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data", has_page=True) as service,
    ):
        felt = Felt(service, options)
        beside, alone_rates, beside_rates = [], [], []
        for _ in range(options.rounds):
            await felt.by_itself()
            alone_rates.append(await recorded_per_second(service, options))
            async with looking(service, options):
                beside.append(await felt.load())
            async with looking(service, options):
                beside_rates.append(await recorded_per_second(service, options))
        await felt.by_itself()
        felt.show(f"beside {options.viewers} viewers", beside)
        alone, with_viewers = statistics.median(alone_rates), statistics.median(beside_rates)
        print(
            f"recorded at most: {alone:,.0f}/s by itself, {with_viewers:,.0f}/s beside viewers"
            f" ({with_viewers / alone:.2f})"
        )


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
