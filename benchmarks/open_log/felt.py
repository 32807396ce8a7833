"""What the pixel feels of what the log process does besides: trimming, and streams that catch up.

    python -m benchmarks.open_log.felt [--opens 5000000] [--per-second 2000] [--streams 20]

Four of five opens of a filled log are trimmed, and after that so many streams read what is
left again and again, each beside an even load.  The load by itself, before, between and
after, is the floor.  The subscribers run with `nice` 10, like the log process: elsewhere
they are other machines'.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import dataclasses
import datetime as dt
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import grpc
import uvloop

from benchmarks.open_log.log_alone import new_open
from benchmarks.open_log.serving import Load, Running, running_service
from benchmarks.open_log.watching import Asked, loading, stream
from emailopens.pixel.v1 import operation_service_pb2 as operation_pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as operation_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.notification import number_open
from pixel_service.open_log import connect
from pixel_service.settings import default_log_url
from pixel_service.statistics import COUNTING_RULES

BATCH: Final = 1_000
TRIMMED_SHARE: Final = 0.8

# What it takes a client's process to begin.
START_SECONDS: Final = 3.0

# Longer than this nothing is measured beside.
LONGEST_SECONDS: Final = 900.0


async def fill(data: Path, count: int) -> dt.datetime:
    """Put *count* opens into a new log; return a time after which a fifth of them came."""
    boundary = dt.datetime.now(dt.UTC)
    async with connect(
        default_log_url(data), number_open=number_open, counting_rules=COUNTING_RULES
    ) as log:
        for done in range(0, count, BATCH):
            if done <= TRIMMED_SHARE * count:
                boundary = dt.datetime.now(dt.UTC)
            await log.append([new_open() for _ in range(BATCH)])
    return boundary


async def trim(address: str, before: dt.datetime) -> int:
    """Remove what was recorded before a time; return how many that was."""
    request = operation_pb.TrimOpensRequest()
    request.before_time.FromDatetime(before)
    removed = 0
    async with grpc.aio.insecure_channel(address) as channel:
        async for response in operation_grpc.OperationServiceStub(channel).TrimOpens(request):
            removed = response.removed_opens
    return removed


async def _read_again_and_again(address: str, until: float) -> int:
    request = pb.StreamOpensRequest(position=pb.POSITION_EARLIEST, stop_at_head=True)
    octets = 0
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        while time.time() < until:
            async for response in stream(channel, request):
                octets += len(response)
                if time.time() >= until:
                    break
    return octets


def read(address: str, count: int, until: float) -> float:
    """Read the log on *count* streams until a time; return the octets a second."""
    began = time.time()

    async def read_all() -> int:
        return sum(
            await asyncio.gather(*(_read_again_and_again(address, until) for _ in range(count)))
        )

    return uvloop.run(read_all()) / (until - began)


@contextlib.asynccontextmanager
async def reading(service: Running, options: argparse.Namespace) -> AsyncIterator[None]:
    """Catch up on many streams beside the block, for as long as one measurement takes."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=context, initializer=os.nice, initargs=(10,)
    ) as pool:
        until = time.time() + options.seconds + START_SECONDS
        reader = asyncio.get_running_loop().run_in_executor(
            pool, read, service.grpc, options.streams, until
        )
        yield
        print(f"streams: {await reader / 2**20:,.0f} MiB/s in all")


@dataclasses.dataclass(slots=True)
class Felt:
    """Measures, and prints against what the load by itself showed last."""

    service: Running
    options: argparse.Namespace
    alone: list[Load] = dataclasses.field(default_factory=list)

    async def load(self) -> Load:
        """Load the pixel evenly for a while."""
        asked = Asked(
            seconds=self.options.seconds,
            connections=self.options.connections,
            per_second=self.options.per_second,
        )
        async with loading(self.service, asked) as result:
            return await result

    async def by_itself(self) -> None:
        """Measure the floor once more."""
        self.alone.append(await self.load())
        self.show("by itself", [self.alone[-1]])

    def show(self, name: str, found: list[Load]) -> None:
        """Print the medians of *found*, and what they are of the floor's."""
        p50, p99 = (statistics.median(each) for each in _times(found))
        floor50, floor99 = (statistics.median(each) for each in _times(self.alone))
        print(
            f"{name:>22}: {found[0].per_second:6,.0f}/s, p50 {p50:6.2f} ms ({p50 / floor50:4.1f}),"
            f" p99 {p99:6.2f} ms ({p99 / floor99:4.1f})",
            flush=True,
        )


def _times(found: list[Load]) -> tuple[list[float], list[float]]:
    return [each.p50_ms for each in found], [each.p99_ms for each in found]


async def measure(options: argparse.Namespace) -> None:
    """Print everything, in turn with the floor."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        boundary = await fill(data, options.opens)
        with running_service(data) as service:
            felt = Felt(service, options)
            await felt.by_itself()
            await felt.by_itself()
            began = time.perf_counter()
            trimming = asyncio.create_task(trim(service.grpc, boundary))
            found = []
            while not trimming.done() and time.perf_counter() - began < LONGEST_SECONDS:
                found.append(await felt.load())
            felt.show("beside trimming", found)
            print(f"trimmed: {await trimming:,} in {time.perf_counter() - began:.0f} s at most")
            await felt.by_itself()
            async with reading(service, options):
                beside = await felt.load()
            felt.show(f"beside {options.streams} streams", [beside])
            await felt.by_itself()


def main() -> None:
    """Measure one service on the embedded default."""
    # What is filled is then the service's alone, as it expects.
    os.umask(0o077)
    parser = argparse.ArgumentParser()
    parser.add_argument("--opens", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--per-second", type=float, default=2_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--streams", type=int, default=20)
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
