"""Many subscribers on one process, and one that reads nothing: memory, and who still hears."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from examples.pair import Pair, pair_on_free_ports, pixel_options, running_service
from pixel_service.settings import default_log_url
from service_runtime.key_ring import KeyRing, generate_key_ring, write_key_ring
from tests.pixel.open_log.log_values import new_open
from tests.pixel.service_values import a_token, log_at, seal

MIB = 2**20

# By convention an HTTP/2 connection holds a hundred.
STREAMS_PER_CONNECTION = 100

Call = grpc.aio.UnaryStreamCall[pb.StreamOpensRequest, pb.StreamOpensResponse]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service as a process."""

    pair: Pair
    ring: KeyRing
    pid: int

    def resident_octets(self) -> int:
        """Return how much memory the process has now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    async def fetch(self, message_id: str) -> None:
        """Fetch the pixel of a message."""
        url = f"http://{self.pair.pixel_http}/o/{seal(a_token(message_id), self.ring)}.gif"
        async with aiohttp.ClientSession() as browser, browser.get(url) as response:
            assert response.status == 200


@contextlib.asynccontextmanager
async def a_service(data: Path) -> AsyncIterator[Service]:
    """Run the service with its data in *data*."""
    pair = pair_on_free_ports()
    ring = generate_key_ring()
    write_key_ring(data / "token_keys", ring)
    options = [*pixel_options(pair, data), "--log-level=ERROR"]
    with running_service("pixel-service", options, ready_at=pair.pixel) as process:
        yield Service(pair=pair, ring=ring, pid=process.pid)


@contextlib.asynccontextmanager
async def streams(service: Service, count: int) -> AsyncIterator[list[Call]]:
    """Start *count* live streams, each of which has answered."""
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for number in range(count):
            if number % STREAMS_PER_CONNECTION == 0:
                channel = await stack.enter_async_context(own_channel(service))
            calls.append(start(channel, pb.POSITION_LATEST))
        for call in calls:
            assert (await next_event(call)).HasField("started")
        yield calls


def own_channel(service: Service) -> grpc.aio.Channel:
    """Return a connection of its own: channels to one address share one otherwise."""
    return grpc.aio.insecure_channel(
        service.pair.pixel, options=(("grpc.use_local_subchannel_pool", 1),)
    )


def start(channel: grpc.aio.Channel, position: "pb.Position.ValueType") -> Call:
    request = pb.StreamOpensRequest(position=position)
    request.heartbeat_interval.seconds = 50
    return pb_grpc.PixelServiceStub(channel).StreamOpens(request)


async def next_event(call: Call) -> pb.StreamOpensResponse:
    response = await call.read()
    assert isinstance(response, pb.StreamOpensResponse)
    return response


async def heard(calls: list[Call]) -> set[str]:
    """Return the message IDs of the next batch of every stream."""
    return {
        notification.mail.message_id
        for call in calls
        for notification in (await next_event(call)).batch.notifications
    }


async def fill(data: Path, opens: int, *, octets: int) -> None:
    """Put *opens* with *octets* each into a new log in the folder *data*."""
    async with log_at(default_log_url(data)) as log:
        for _ in range(0, opens, 100):
            await log.append([new_open(octets=octets) for _ in range(100)])


async def test_a_thousand_subscribers_hear_of_an_open(tmp_path: Path) -> None:
    """On one process, each costs little memory."""
    async with a_service(tmp_path) as service:
        async with streams(service, 1):
            await service.fetch("warm")
        before = service.resident_octets()
        async with streams(service, 1_000) as calls:
            for message_id in ("one", "two"):
                await service.fetch(message_id)
                assert await heard(calls) == {message_id}
            grown = service.resident_octets() - before

    assert grown < 1_000 * MIB / 8


@pytest.mark.timeout(120)
@pytest.mark.guarantee(
    "G5", "A slow or dead subscriber affects neither the pixel nor other subscribers"
)
async def test_stalled_subscriber_costs_little_memory_and_disturbs_nobody(tmp_path: Path) -> None:
    """Beside 100 live ones: less than 20 MB of the 200 that it does not read."""
    await fill(tmp_path, 2_000, octets=100_000)
    async with a_service(tmp_path) as service, streams(service, 100) as calls:
        await service.fetch("before")
        assert await heard(calls) == {"before"}
        before = service.resident_octets()

        async with own_channel(service) as channel:
            stalled = start(channel, pb.POSITION_EARLIEST)
            assert (await next_event(stalled)).HasField("started")
            for number in range(100):
                await service.fetch(f"m{number}")
                assert await heard(calls) == {f"m{number}"}
            grown = service.resident_octets() - before
            is_stalled = not stalled.done()
            stalled.cancel()

    assert is_stalled
    assert grown < 20_000_000
