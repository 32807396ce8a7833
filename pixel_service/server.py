"""Puts the pixel service together.

What is entered first is left last: fetches stop being taken, then streams end, then
the log is closed.
"""

import asyncio
import contextlib
import dataclasses

import prometheus_client

from pixel_service import openlog
from pixel_service.client_address import ClientAddresses
from pixel_service.error_table import STATUS_OF
from pixel_service.evidence.judge import load_judge
from pixel_service.intake import Intake
from pixel_service.live_streams import LiveStreams
from pixel_service.notification import number_open
from pixel_service.openlog import OpenLog
from pixel_service.pixel_servicer import PixelServicer
from pixel_service.pixel_token import TokenOpener
from pixel_service.sealed_message import SealedMessages
from pixel_service.settings import Settings
from pixel_service.stream_servicer import StreamServicer
from pixel_service.subscription_servicer import SubscriptionServicer
from pixel_service.tail import Tail, following
from pixel_service.web import PixelHandler, pixel_server
from service_runtime.admin_server import Condition, admin_server
from service_runtime.drain import Drain
from service_runtime.grpc_server import GrpcService, grpc_server


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a running service is, as `host:port`."""

    http: str
    grpc: str
    admin: str


async def serve(
    settings: Settings, drain: Drain, *, ready: "asyncio.Future[Addresses] | None" = None
) -> None:
    """Run the pixel service until *drain* begins, and end it within its grace.

    Args:
        settings: how to run.
        drain: announces the end.
        ready: gets the addresses once everything is served.

    Raises:
        SettingsInvalid, KeyRingError, ListenError, LogUrlInvalid, LogSchemaOld: it
            cannot run as it was told.
        LogUnavailable: the log does not answer.
    """
    settings.prepare_data_folder()
    opener = TokenOpener(settings.load_key_ring())
    registry = prometheus_client.CollectorRegistry()
    streams = LiveStreams(max_streams=settings.max_streams)
    async with contextlib.AsyncExitStack() as stack:
        open_log = await stack.enter_async_context(
            openlog.connect(settings.effective_log_url, number_open=number_open)
        )
        tail = await stack.enter_async_context(following(open_log, on_news=streams.wake_all))
        await stack.enter_async_context(streams.woken_by(drain))
        admin = await stack.enter_async_context(
            admin_server(
                listen=settings.admin,
                conditions=lambda: [_log_condition(tail), _drain_condition(drain)],
                registry=registry,
            )
        )
        grpc_address = await stack.enter_async_context(
            grpc_server(
                listen=settings.grpc,
                services=_services(open_log, tail, streams, drain),
                status_codes=STATUS_OF,
                drain=drain,
            )
        )
        intake = Intake(messages=SealedMessages(opener), judge=load_judge(), record=open_log.append)
        addresses = ClientAddresses(
            trusted_proxies=settings.trusted_proxies, header=settings.forwarded_header
        )
        http = await stack.enter_async_context(
            pixel_server(
                listen=settings.http,
                handler=PixelHandler(intake.take, addresses),
                grace=settings.grace,
            )
        )
        if ready is not None:
            ready.set_result(Addresses(http=http, grpc=grpc_address, admin=admin))
        await drain.wait()


def _services(
    open_log: OpenLog, tail: Tail, streams: LiveStreams, drain: Drain
) -> list[GrpcService]:
    streaming = StreamServicer(open_log=open_log, tail=tail, streams=streams, drain=drain)
    return [
        PixelServicer(open_log=open_log, streaming=streaming).service(),
        SubscriptionServicer(open_log=open_log).service(),
    ]


def _log_condition(tail: Tail) -> Condition:
    return Condition(name="log readable", holds=tail.failure is None)


def _drain_condition(drain: Drain) -> Condition:
    return Condition(name="not draining", holds=not drain.is_draining)
