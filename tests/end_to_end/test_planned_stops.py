"""Both services are stopped as planned, under load: nobody who calls again notices.

A few stops here; `make test-crash` makes 100.
"""

import asyncio
import contextlib
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as subscription_pb_grpc
from emailopens_client import OpenStream
from examples.pair import Pair, pixel_options, running_service
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.pixel.service_values import a_token, seal

STOPS = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "2"))
SUBSCRIBERS = 12
SENDERS = 30

# Between two stops.
FETCHES = 100

RING = generate_key_ring()
LAST = "last"

MESSAGE = b"To: r@example.org\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n"

# What a mail client sees of a stop.
GONE = (aiohttp.ClientError, asyncio.TimeoutError, ConnectionError)


@contextlib.asynccontextmanager
async def running(name: str, options: Sequence[str], *, ready_at: str) -> AsyncIterator[None]:
    """Run a service inside the block, and stop it as an operator does."""
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(
            stack.enter_context, running_service(name, options, ready_at=ready_at)
        )
        try:
            yield
        finally:
            await asyncio.to_thread(stack.close)


class MailClient:
    """Fetches pixels one after another, 200 a second at most."""

    def __init__(self, browser: aiohttp.ClientSession, url: str, name: str) -> None:
        self._browser = browser
        self._url = url
        self._name = name
        self.answered: list[str] = []

    async def run(self) -> None:
        """Fetch until cancelled."""
        for number in itertools.count():
            is_answered = await self.fetch(f"{self._name}-{number}")
            # Else the service is coming back.  With more load each subscriber would have a
            # hundred thousand opens to catch up with in the end, ten at a time.
            await asyncio.sleep(0.005 if is_answered else 0.05)

    async def fetch(self, message_id: str) -> bool:
        """Fetch the pixel of a message; return whether it was answered."""
        try:
            token = seal(a_token(message_id), RING)
            async with self._browser.get(f"{self._url}/o/{token}.gif") as response:
                await response.read()
        except GONE:
            return False
        self.answered.append(message_id)
        return True

    async def go_on(self, count: int) -> None:
        """Return once *count* pixels more were answered."""
        goal = len(self.answered) + count
        while len(self.answered) < goal:  # noqa: ASYNC110 - it runs in a task of its own
            await asyncio.sleep(0.01)


async def subscribe(address: str, subscription_id: str) -> list[str]:
    """Return the message IDs of what a subscriber is sent, up to the last."""
    found: list[str] = []
    # Small batches, so that there is something to acknowledge at every moment.
    async with OpenStream(address, subscription_id=subscription_id, max_batch_size=10) as opens:
        async for notification in opens:
            found.append(notification.mail.message_id)
            if found[-1] == LAST:
                return found
    raise AssertionError("the stream ended")


@pytest.mark.timeout(90 + 15 * STOPS)
async def test_no_planned_stop_ends_a_subscriber(tmp_path: Path, ports: Pair) -> None:
    """Each gets every open once, over all stops, though it was acknowledging all the time."""
    write_key_ring(tmp_path / "token_keys", RING)
    options = pixel_options(ports, tmp_path)
    subscribers: list[asyncio.Task[list[str]]] = []
    async with aiohttp.ClientSession() as browser, asyncio.TaskGroup() as group:
        client = MailClient(browser, f"http://{ports.pixel_http}", "m")
        loading = group.create_task(client.run())
        for stop in range(STOPS):
            async with running("pixel-service", options, ready_at=ports.pixel):
                if stop == 0:
                    await create_subscriptions(ports.pixel)
                    subscribers = [
                        group.create_task(subscribe(ports.pixel, f"s{index}"))
                        for index in range(SUBSCRIBERS)
                    ]
                await client.go_on(FETCHES)
        async with running("pixel-service", options, ready_at=ports.pixel):
            await client.go_on(FETCHES)
            loading.cancel()
            await asyncio.wait({loading})
            assert await client.fetch(LAST)
            await asyncio.wait(subscribers)

    for subscriber in subscribers:
        counts = Counter(subscriber.result())
        assert not set(client.answered) - set(counts)
        assert max(counts.values()) == 1


async def create_subscriptions(address: str) -> None:
    """Create a subscription for each subscriber."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = subscription_pb_grpc.SubscriptionServiceStub(channel)
        for index in range(SUBSCRIBERS):
            await stub.CreateSubscription(
                subscription_pb.CreateSubscriptionRequest(
                    subscription=subscription_pb.Subscription(id=f"s{index}"),
                    position=pb.POSITION_EARLIEST,
                )
            )


@pytest.mark.timeout(60 + 15 * STOPS)
async def test_no_planned_stop_cancels_a_rewriting(tmp_path: Path, ports: Pair) -> None:
    """A sender is answered, or told UNAVAILABLE, which it retries."""
    options = [
        f"--grpc={ports.injector}",
        f"--data={tmp_path}",
        "--pixel-base-url=http://pixel.example",
    ]
    ends: Counter[grpc.StatusCode] = Counter()

    async def send(rewriting: "injector_pb_grpc.InjectorServiceAsyncStub") -> None:
        request = injector_pb.RewriteMessageRequest(raw_message=MESSAGE, configuration_ids=["news"])
        while True:
            try:
                await rewriting.RewriteMessage(request)
            except grpc.aio.AioRpcError as error:
                ends[error.code()] += 1
                return

    for stop in range(STOPS):
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as senders:
            service = contextlib.AsyncExitStack()
            await service.enter_async_context(
                running("injector-service", options, ready_at=ports.injector)
            )
            async with grpc.aio.insecure_channel(ports.injector) as channel:
                if stop == 0:
                    await configuration_pb_grpc.ConfigurationServiceStub(
                        channel
                    ).CreateConfiguration(
                        configuration_pb.CreateConfigurationRequest(
                            configuration=configuration_pb.Configuration(
                                id="news", open_notifications_enabled=True
                            )
                        )
                    )
            for _ in range(SENDERS):
                own = await stack.enter_async_context(
                    grpc.aio.insecure_channel(
                        ports.injector, options=[("grpc.use_local_subchannel_pool", 1)]
                    )
                )
                await own.channel_ready()
                senders.create_task(send(injector_pb_grpc.InjectorServiceStub(own)))
            await service.aclose()

    assert ends == {grpc.StatusCode.UNAVAILABLE: STOPS * SENDERS}
