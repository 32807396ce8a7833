"""Callers that begin calls by the thousand and cancel them: others are served as before."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as subscription_pb_grpc
from examples.pair import Pair, running_pair
from tests.fuzz.fuzz_calls import TELLTALES, memory_of

# Storms are work, and a machine that has other work needs several times as long for them.
pytestmark = pytest.mark.timeout(300)

MESSAGE: Final = (
    b"From: ann@example.org\r\nTo: bob@example.net\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>"
)
CALLS: Final = 2_000
STORMS: Final = 3

# Over how long a storm's calls are cancelled, so that they are at all points of their way.
STORM_SECONDS: Final = 1.0

MAX_STREAMS: Final = 200

# What all processes together may grow by, after the first storm. It was 3 MiB after 32,000 calls.
MOST_GROWTH_OCTETS: Final = 48 * 1024 * 1024

# How a call may end that its caller cancels, if that does not come first: gRPC refuses some
# of those that come while many are cancelled, and a newer stream takes over a subscription.
ENDS: Final = {
    grpc.StatusCode.OK,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
}


class Caller:
    """A caller with connections of its own, and what it calls."""

    def __init__(self, injector: grpc.aio.Channel, pixel: grpc.aio.Channel) -> None:
        self._injector: Any = injector_pb_grpc.InjectorServiceStub(injector)
        self._pixel: Any = pb_grpc.PixelServiceStub(pixel)

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, pair: Pair) -> AsyncIterator["Caller"]:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with (
            grpc.aio.insecure_channel(pair.injector, options=options) as injector,
            grpc.aio.insecure_channel(pair.pixel, options=options) as pixel,
        ):
            yield cls(injector, pixel)

    def rewrite(self) -> Any:  # noqa: ANN401 - a call, of which the stubs have no type
        return self._injector.RewriteMessage(
            injector_pb.RewriteMessageRequest(
                raw_message=MESSAGE, configuration_ids=["news"], recipients=["bob@example.net"]
            )
        )

    def list(self) -> Any:  # noqa: ANN401 - as above
        return self._pixel.ListOpens(pb.ListOpensRequest(page_size=1))

    def stream(self) -> Any:  # noqa: ANN401 - as above
        return self._pixel.StreamOpens(pb.StreamOpensRequest(position=pb.POSITION_LATEST))

    def subscribe(self) -> Any:  # noqa: ANN401 - as above
        return self._pixel.StreamOpens(pb.StreamOpensRequest(subscription_id="crm"))


async def set_up(pair: Pair) -> None:
    """Have what is called exist."""
    async with (
        grpc.aio.insecure_channel(pair.injector) as injector,
        grpc.aio.insecure_channel(pair.pixel) as pixel,
    ):
        await configuration_pb_grpc.ConfigurationServiceStub(injector).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id="news", open_notifications_enabled=True
                )
            )
        )
        await subscription_pb_grpc.SubscriptionServiceStub(pixel).CreateSubscription(
            subscription_pb.CreateSubscriptionRequest(
                subscription=subscription_pb.Subscription(id="crm"), position=pb.POSITION_EARLIEST
            )
        )


async def end_of(call: Any) -> grpc.StatusCode:  # noqa: ANN401 - as above
    """Return how *call* ends."""
    try:
        if hasattr(call, "read"):
            while await call.read() is not grpc.aio.EOF:
                pass
        else:
            await call
    except asyncio.CancelledError:
        return grpc.StatusCode.CANCELLED
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def storm(caller: Caller, chance: random.Random) -> Counter[grpc.StatusCode]:
    """Begin calls all at once, and cancel each at some moment; return how they ended."""
    loop = asyncio.get_running_loop()
    kinds = (caller.rewrite, caller.list, caller.stream, caller.subscribe)
    calls = [kinds[number % len(kinds)]() for number in range(CALLS)]
    for each in calls:
        loop.call_later(chance.random() * STORM_SECONDS, each.cancel)
    return Counter(await asyncio.gather(*map(end_of, calls)))


async def answered(begin: Callable[[], Any]) -> Any:  # noqa: ANN401 - as above
    """Call until it is answered, as those do who are told that too many call; return the call."""
    while True:
        call = begin()
        try:
            await (call.read() if hasattr(call, "read") else call)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
        else:
            return call


async def test_calls_cancelled_by_the_thousand_cost_others_nothing(
    ports: Pair, tmp_path: Path
) -> None:
    """No fault, no traceback, no growth; others are answered, and every place comes back."""
    chance = random.Random(1)  # noqa: S311 - the same storm every time
    ends: Counter[grpc.StatusCode] = Counter()
    memory = []
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        running_pair(
            ports,
            data=tmp_path / "data",
            log=output,
            more_pixel_options=[f"--max-streams={MAX_STREAMS}"],
        ),
    ):
        await set_up(ports)
        async with Caller.of(ports) as hostile, Caller.of(ports) as other:
            for _ in range(STORMS):
                storming = asyncio.create_task(storm(hostile, chance))
                while not storming.done():
                    await answered(other.rewrite)
                    await answered(other.list)
                ends += storming.result()
                memory.append(memory_of(tmp_path))
            # As many as there may be: none of those that were cancelled has kept its place.
            for each in [await answered(other.stream) for _ in range(MAX_STREAMS)]:
                assert not each.done()
                each.cancel()
    said = log.read_bytes()

    assert ends.total() == STORMS * CALLS
    assert ends.keys() <= ENDS
    assert memory[-1] - memory[0] <= MOST_GROWTH_OCTETS
    assert [each for each in TELLTALES if each in said] == []
