"""What a service says of itself, and what it streams, while it is under load."""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import time
from collections.abc import AsyncIterator
from typing import Final

import grpc
import uvloop

from benchmarks.open_log.serving import Load, Running, load, sealed_tokens
from emailopens.pixel.v1 import pixel_service_pb2 as pb

STREAM_OPENS: Final = "/emailopens.pixel.v1.PixelService/StreamOpens"

# Octets in and out, as the service has them.
Call = grpc.aio.UnaryStreamCall[bytes, bytes]

# Each is fetched again only after all others, which is the service's worst case.
MESSAGES: Final = 30_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client is to do: see `load`."""

    seconds: float
    connections: int
    fetches: int | None = None
    per_second: float | None = None


def _load(address: str, tokens: list[str], asked: Asked) -> Load:
    return uvloop.run(
        load(
            address,
            tokens,
            seconds=asked.seconds,
            connections=asked.connections,
            fetches=asked.fetches,
            per_second=asked.per_second,
        )
    )


@contextlib.asynccontextmanager
async def loading(service: Running, asked: Asked) -> AsyncIterator[asyncio.Future[Load]]:
    """Load *service* from another process beside the block; lend what becomes the result."""
    tokens = sealed_tokens(MESSAGES, service.ring)
    # Spawned: a process that is forked dies of gRPC's threads.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        loop = asyncio.get_running_loop()
        yield loop.run_in_executor(pool, _load, service.http, tokens, asked)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the processes said at one moment."""

    seconds: float
    answered: int
    recorded: int
    streamed: int


class Streamed:
    """A subscriber that follows the log from its beginning."""

    def __init__(self) -> None:
        self.event_ids: set[str] = set()

    async def follow(self, address: str) -> None:
        """Take everything, for ever."""
        request = pb.StreamOpensRequest(position=pb.POSITION_EARLIEST)
        async with grpc.aio.insecure_channel(address) as channel:
            async for octets in stream(channel, request):
                response = pb.StreamOpensResponse.FromString(octets)
                self.event_ids.update([each.event_id for each in response.batch.notifications])


def stream(channel: grpc.aio.Channel, request: pb.StreamOpensRequest) -> Call:
    """Start a stream whose responses are not parsed."""
    method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(STREAM_OPENS)
    return method(request.SerializeToString())


async def sample(service: Running, streamed: Streamed, *, began: float) -> Sample:
    """Ask the processes of *service* how far they are."""
    # Recorded first, so that what comes in between does not look recorded.
    recorded = await asyncio.to_thread(service.recorded)
    answered = await asyncio.to_thread(service.answered)
    return Sample(
        seconds=time.perf_counter() - began,
        answered=answered,
        recorded=recorded,
        streamed=len(streamed.event_ids),
    )
