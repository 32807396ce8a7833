"""How fast a stream catches up, and how soon live streams hear of an open.

    python -m benchmarks.open_log.streams [--opens 300000] [--subscribers 1 100 1000] [--workers 1]

The clients read octets and do not parse them: it is the service that is measured.
Latency is from the answer of the pixel to the arrival of its batch on each stream. It
can be negative: a stream may hear of an open before the mail client has its image. All
streams of a measurement end in one client process, which at 1,000 is most of it.
With several workers, the pixel's and the stream's may be different ones. A stalled
stream reads nothing of the opens that catching up was measured with.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import grpc
import uvloop

from benchmarks.bars import least
from benchmarks.open_log.serving import Running, running_service, sealed_tokens
from benchmarks.open_log.watching import stream
from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as subscription_pb_grpc
from pixel_service.notification import number_open
from pixel_service.open_log import OpenRecord, connect
from pixel_service.settings import default_log_url
from pixel_service.statistics import COUNTING_RULES

# An open of 16 octets that holds evidence of 8, and burst: what `number_open` completes.
UNNUMBERED: Final = b"\x1a\x10\x22\x08"

# A notification with common headers has about this many octets.
NOTIFICATION: Final = (
    open_notification_pb2.OpenNotification(
        event_type="Open", mail=open_notification_pb2.Mail(message_id="m" * 390)
    ).SerializeToString()
    + UNNUMBERED
)
BATCH: Final = 1_000

# By the number of subscribers: what the median may be, in milliseconds.
BARS_MS: Final = {1: 5, 100: 8, 1_000: 60}

# What one stream replays in a second, and the share of it that acknowledging leaves.
LEAST_CATCH_UP: Final = 500_000
LEAST_ACKNOWLEDGING: Final = 0.5
OPENS: Final = 100

# A subscriber that writes each batch into a database of its own.
WORK_SECONDS: Final = 0.02
WORKED_BATCH: Final = 1_000
ROUNDS: Final = 3

# HTTP/2 connections hold a hundred streams by convention.
STREAMS_PER_CHANNEL: Final = 100


async def fill(data: Path, count: int) -> None:
    """Put *count* opens into a new log in the folder *data*."""
    serial = itertools.count()
    now = dt.datetime.now(dt.UTC)
    async with connect(
        default_log_url(data), number_open=number_open, counting_rules=COUNTING_RULES
    ) as log:
        for _ in range(0, count, BATCH):
            opens = [
                OpenRecord(
                    event_id=f"{next(serial):022}:0",
                    configuration_id="newsletter",
                    open_time=now,
                    message_key=None,
                    source_key=None,
                    agent=1,
                    confidence=1,
                    notified=True,
                    notification=NOTIFICATION,
                )
                for _ in range(BATCH)
            ]
            await log.append(opens)


async def catch_up(service: Running, count: int) -> float:
    """Return how many opens a second one stream replays."""
    request = pb.StreamOpensRequest(position=pb.POSITION_EARLIEST, stop_at_head=True)
    octets = 0
    async with grpc.aio.insecure_channel(service.grpc) as channel:
        started = time.perf_counter()
        async for response in stream(channel, request):
            octets += len(response)
        elapsed = time.perf_counter() - started
    if octets < count * len(NOTIFICATION):
        raise SystemExit("the stream ended early")
    return count / elapsed


async def catch_up_working(service: Running, subscription_id: str | None) -> float:
    """Return the seconds in which a client that works on each batch catches up.

    Args:
        service: what it calls.
        subscription_id: the subscription that it acknowledges each batch of, after its
            work; None to acknowledge nothing.
    """
    request = pb.StreamOpensRequest(stop_at_head=True, max_batch_size=WORKED_BATCH)
    if subscription_id is None:
        request.position = pb.POSITION_EARLIEST
    else:
        request.subscription_id = subscription_id
    session_token = ""
    async with grpc.aio.insecure_channel(service.grpc) as channel:
        client = pb_grpc.PixelServiceStub(channel)
        began = time.perf_counter()
        async for octets in stream(channel, request):
            response = pb.StreamOpensResponse.FromString(octets)
            session_token = session_token or response.started.session_token
            if response.WhichOneof("event") != "batch":
                continue
            await asyncio.sleep(WORK_SECONDS)
            if subscription_id is not None:
                await client.AcknowledgeOpens(
                    pb.AcknowledgeOpensRequest(
                        subscription_id=subscription_id,
                        session_token=session_token,
                        cursor=response.batch.cursor,
                    )
                )
        return time.perf_counter() - began


async def show_acknowledging(service: Running) -> None:
    """Print what acknowledging costs a client that has 20 ms of work with each batch."""
    ratios = []
    for number in range(ROUNDS):
        subscription_id = f"s{number}"
        async with grpc.aio.insecure_channel(service.grpc) as channel:
            await subscription_pb_grpc.SubscriptionServiceStub(channel).CreateSubscription(
                subscription_pb.CreateSubscriptionRequest(
                    subscription=subscription_pb.Subscription(id=subscription_id),
                    position=pb.POSITION_EARLIEST,
                )
            )
        without = await catch_up_working(service, None)
        ratios.append(without / await catch_up_working(service, subscription_id))
    ratio = statistics.median(ratios)
    print(
        f"catch-up with 20 ms of work for each batch of {WORKED_BATCH}: acknowledging each is at "
        f"{ratio:.2f} of the rate of acknowledging none, {least(LEAST_ACKNOWLEDGING, ratio)}",
        flush=True,
    )


class Subscribers:
    """Streams that note when their next batch arrives."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._arrivals: list[float] = []
        self._all_arrived = asyncio.Event()
        self._started = 0
        self.all_started = asyncio.Event()

    async def follow(self, channel: grpc.aio.Channel) -> None:
        """Follow the log on one stream, for ever."""
        request = pb.StreamOpensRequest(position=pb.POSITION_LATEST)
        request.heartbeat_interval.seconds = 50
        async for octets in stream(channel, request):
            self._note(pb.StreamOpensResponse.FromString(octets).WhichOneof("event"))

    def _note(self, event: str | None) -> None:
        if event == "started":
            self._started += 1
            if self._started == self._count:
                self.all_started.set()
        elif event == "batch":
            self._arrivals.append(time.perf_counter())
            if len(self._arrivals) == self._count:
                self._all_arrived.set()

    async def arrivals(self) -> list[float]:
        """Return when the batch arrived, once it has on every stream."""
        await self._all_arrived.wait()
        self._all_arrived.clear()
        arrivals, self._arrivals = self._arrivals, []
        return arrivals


@contextlib.asynccontextmanager
async def following(service: Running, count: int) -> AsyncIterator[Subscribers]:
    """Run *count* streams inside the block."""
    subscribers = Subscribers(count)
    async with contextlib.AsyncExitStack() as stack:
        tasks = []
        for number in range(count):
            if number % STREAMS_PER_CHANNEL == 0:
                # A connection of its own: channels to one address share one otherwise.
                channel = grpc.aio.insecure_channel(
                    service.grpc, options=(("grpc.use_local_subchannel_pool", 1),)
                )
                await stack.enter_async_context(channel)
            tasks.append(asyncio.create_task(subscribers.follow(channel)))
        await subscribers.all_started.wait()
        try:
            yield subscribers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def latencies(service: Running, count: int, opens: int) -> list[float]:
    """Return the milliseconds from answers to arrivals, over all streams."""
    found = []
    async with following(service, count) as subscribers, aiohttp.ClientSession() as browser:
        for token in sealed_tokens(opens, service.ring):
            async with browser.get(f"http://{service.http}/o/{token}.gif") as response:
                await response.read()
            answered = time.perf_counter()
            found += [(each - answered) * 1_000 for each in await subscribers.arrivals()]
    return found


@contextlib.asynccontextmanager
async def stalled(service: Running) -> AsyncIterator[None]:
    """Have a stream inside the block that starts at the beginning and reads nothing of it."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(service.grpc, options=options) as channel:
        call = stream(channel, pb.StreamOpensRequest(position=pb.POSITION_EARLIEST))
        await call.read()
        yield
        if call.done():
            raise SystemExit("the stalled stream was ended too early")


def show(name: str, found: list[float], *, bar_ms: float | None = None) -> None:
    """Print the distribution of *found* milliseconds, and whether the median is within the bar."""
    found.sort()
    p50, p99 = found[len(found) // 2], found[len(found) * 99 // 100]
    verdict = "" if bar_ms is None else f", {'within' if p50 <= bar_ms else 'beyond'} {bar_ms} ms"
    print(f"{name}: p50 {p50:.2f} ms{verdict}, p99 {p99:.2f} ms", flush=True)


async def measure(options: argparse.Namespace) -> None:
    """Print all measurements."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        await fill(data, options.opens)
        with running_service(data, workers=options.workers) as service:
            rates = [await catch_up(service, options.opens) for _ in range(3)]
            rate = statistics.median(rates)
            print(f"catch-up, one stream: {rate:,.0f} opens/s, {least(LEAST_CATCH_UP, rate)}")
            await show_acknowledging(service)
            for count in options.subscribers:
                found = await latencies(service, count, opens=OPENS)
                show(f"{count:>5} subscribers", found, bar_ms=BARS_MS.get(count))
            async with stalled(service):
                show("  100 beside a stalled one", await latencies(service, 100, opens=OPENS))


def main() -> None:
    """Measure one service on the embedded default."""
    # What is filled is then the service's alone, as it expects.
    os.umask(0o077)
    parser = argparse.ArgumentParser()
    parser.add_argument("--opens", type=int, default=300_000)
    parser.add_argument("--subscribers", type=int, nargs="*", default=[1, 100, 1_000])
    parser.add_argument("--workers", type=int, default=1)
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
