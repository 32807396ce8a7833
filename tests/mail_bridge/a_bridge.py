"""The bridge inside a test, between clients, the next hop and the injector."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import grpc

from emailopens.injector.v1 import configuration_service_pb2 as pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as pb_grpc
from mail_bridge import server
from mail_bridge.delivery import TrackingSettings
from mail_bridge.front import FrontSettings
from mail_bridge.next_hop import NextHopServer
from mail_bridge.settings import Settings
from service_runtime.drain import Drain
from tests.fixtures.in_process import running_in_process
from tests.mail_bridge.a_next_hop import ANextHop
from tests.mail_bridge.talking_client import TalkingClient, talking_to

FREE = "127.0.0.1:0"

HTML = (
    b"From: Shop <shop@example.org>\r\nTo: reader@example.net\r\nSubject: News\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Hello\r\n.. \r\n"
)
TEXT = b"From: shop@example.org\r\nTo: reader@example.net\r\n\r\nHello\r\n"


@contextlib.asynccontextmanager
async def a_bridge(
    hop: ANextHop,
    injector: str,
    *,
    front: dict[str, Any] | None = None,
    next_hop: dict[str, Any] | None = None,
    tracking: dict[str, Any] | None = None,
    **settings: Any,  # noqa: ANN401 - by their names
) -> AsyncIterator[tuple[str, int]]:
    """Run a bridge to *hop*, which runs; yields where clients connect."""
    host, port = hop.address
    given = Settings(
        front=FrontSettings(listen=FREE, **(front or {})),
        next_hop=NextHopServer(host=host, port=port, **(next_hop or {})),
        tracking=TrackingSettings(
            injector=injector, **{"deadline_seconds": 60.0, **(tracking or {})}
        ),
        **settings,
    )
    drain = Drain(grace=dt.timedelta(seconds=1))
    async with running_in_process(server.serve, given, drain) as address:
        found, _, number = address.rpartition(":")
        yield found, int(number)


@contextlib.asynccontextmanager
async def a_client(
    hop: ANextHop,
    injector: str,
    *,
    greets: bytes = b"LHLO client.example",
    **settings: Any,  # noqa: ANN401 - by their names
) -> AsyncIterator[TalkingClient]:
    """Run the next hop and a bridge to it; yields a client that has greeted."""
    async with (
        hop.running(),
        a_bridge(hop, injector, **settings) as (host, port),
        talking_to(host, port, greets_with=greets) as client,
    ):
        yield client


async def configured(
    injector: str,
    configuration_id: str = "news",
    *,
    metadata: tuple[tuple[str, str], ...] = (),
) -> str:
    """Create a configuration at the injector."""
    async with grpc.aio.insecure_channel(injector) as channel:
        configuration = pb.Configuration(id=configuration_id, open_notifications_enabled=True)
        await pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
            pb.CreateConfigurationRequest(configuration=configuration), metadata=metadata
        )
    return configuration_id
