"""Puts the pixel service together.

What is entered first is left last: fetches stop being taken, then streams end, then
the log is closed.
"""

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator, Iterator
from typing import Final

import prometheus_client

from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.handler import PixelHandler, pixel_server
from pixel_service.erasing import Eraser
from pixel_service.errors import SettingsInvalid
from pixel_service.evidence import Judge
from pixel_service.grpc_api import (
    STATUS_OF,
    OperationServicer,
    PixelServicer,
    StreamServicer,
    SubscriptionServicer,
)
from pixel_service.housekeeping import Housekeeping
from pixel_service.intake import Intake, SealedMessages, TokenOpener
from pixel_service.metrics import PixelMetrics
from pixel_service.notification import number_open
from pixel_service.open_log import OpenLog, connect
from pixel_service.recording.recorder import Recorder
from pixel_service.recording.recorder_health import RecorderHealth, RecorderState
from pixel_service.recording.spool import Spool, open_spool
from pixel_service.recording.spool_emptying import empty_spool
from pixel_service.settings import SPOOL_FOLDER, Settings
from pixel_service.streaming import LiveStreams, Tail, following
from service_runtime.admin_server import Condition, admin_server
from service_runtime.background import kept_running
from service_runtime.data_folder import prepare_data_folder
from service_runtime.drain import Drain
from service_runtime.grpc_server import GrpcService, grpc_server

# Acknowledgements, lists and the like at once, of one connection: they take milliseconds.
SHORT_CALLS: Final = 1_000


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
    prepare_data_folder(settings.data)
    messages = SealedMessages(TokenOpener(settings.load_key_ring()))
    judge = settings.load_judge()
    async with contextlib.AsyncExitStack() as stack:
        open_log = await stack.enter_async_context(_open_log(settings))
        streams = LiveStreams(max_streams=settings.max_streams)
        tail = await stack.enter_async_context(following(open_log, on_news=streams.wake_all))
        await stack.enter_async_context(streams.woken_by(drain))
        recorder = await stack.enter_async_context(_recording(settings, open_log))
        housekeeping = await stack.enter_async_context(_housekeeping(settings, open_log))
        intake = Intake(messages=messages, judge=judge, record=recorder.record)
        admin = await stack.enter_async_context(
            admin_server(
                listen=settings.admin,
                conditions=lambda: conditions(recorder.health, tail, drain),
                registry=_registry(recorder, intake, streams, housekeeping),
            )
        )
        grpc_address = await stack.enter_async_context(
            grpc_server(
                listen=settings.grpc,
                services=_services(settings, open_log, tail, streams, drain),
                status_codes=STATUS_OF,
                drain=drain,
                # One connection may have half of these: all streams, and calls beside them.
                max_calls=2 * (settings.max_streams + SHORT_CALLS),
                reuse_port=settings.workers > 1,
            )
        )
        http = await stack.enter_async_context(_pixels(settings, intake, judge))
        if ready is not None:
            ready.set_result(Addresses(http=http, grpc=grpc_address, admin=admin))
        await drain.wait()


@contextlib.asynccontextmanager
async def supervising(settings: Settings) -> AsyncIterator[None]:
    """Do for several workers, in the process that starts them, what is done once.

    Raises what would keep every worker from running as it was told. On the embedded
    default this process writes the log inside the block, since it has nothing else to
    do: then the workers have all their time for fetches, and one that dies takes no
    writer along.

    Raises:
        SettingsInvalid, KeyRingError, EvidenceError, LogUrlInvalid, LogSchemaOld: as `serve`.
        LogUnavailable: the log does not answer.
    """
    prepare_data_folder(settings.data)
    settings.load_key_ring()
    settings.load_judge()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_open_log(settings))
        if settings.log_url is not None:
            # Nothing to do, and connections of the database are dear.
            await stack.aclose()
        yield


def _open_log(settings: Settings) -> contextlib.AbstractAsyncContextManager[OpenLog]:
    return connect(
        settings.effective_log_url, number_open=number_open, burst_window=settings.burst_window
    )


@contextlib.asynccontextmanager
async def _recording(settings: Settings, open_log: OpenLog) -> AsyncIterator[Recorder]:
    with _spool(settings) as spool:
        recorder = Recorder(open_log, spool, bound=settings.log_bound)
        async with recorder.running():
            yield recorder


@contextlib.contextmanager
def _spool(settings: Settings) -> Iterator[Spool]:
    with contextlib.ExitStack() as stack:
        try:
            spool = stack.enter_context(
                open_spool(settings.data / SPOOL_FOLDER, max_octets=settings.max_spool_octets)
            )
        except OSError as error:
            raise SettingsInvalid(f"spool in {settings.data}: {error}") from error
        yield spool


@contextlib.asynccontextmanager
async def _housekeeping(settings: Settings, open_log: OpenLog) -> AsyncIterator[Housekeeping]:
    housekeeping = Housekeeping(
        open_log=open_log,
        retention=settings.retention,
        max_log_octets=settings.max_log_octets,
    )
    # One of several workers keeps house for all.
    if settings.worker_index > 0:
        yield housekeeping
        return
    async with (
        kept_running("trimming", housekeeping.trim),
        kept_running("lags of subscriptions", housekeeping.measure),
    ):
        yield housekeeping


def _registry(
    recorder: Recorder, intake: Intake, streams: LiveStreams, housekeeping: Housekeeping
) -> prometheus_client.CollectorRegistry:
    registry = prometheus_client.CollectorRegistry()
    registry.register(
        PixelMetrics(
            health=lambda: recorder.health,
            counts=intake.counts,
            streams=lambda: len(streams),
            lags=lambda: housekeeping.lags,
        )
    )
    return registry


@contextlib.asynccontextmanager
async def _pixels(settings: Settings, intake: Intake, judge: Judge) -> AsyncIterator[str]:
    addresses = ClientAddresses(
        trusted_proxies=settings.trusted_proxies, header=settings.forwarded_header
    )
    handler = PixelHandler(intake.take, addresses, header_names=judge.header_names)
    async with pixel_server(
        listen=settings.http,
        handler=handler,
        grace=settings.grace,
        reuse_port=settings.workers > 1,
    ) as address:
        yield address


def _services(
    settings: Settings, open_log: OpenLog, tail: Tail, streams: LiveStreams, drain: Drain
) -> list[GrpcService]:
    streaming = StreamServicer(open_log=open_log, tail=tail, streams=streams, drain=drain)
    bring_in = functools.partial(empty_spool, settings.data / SPOOL_FOLDER, open_log)
    eraser = Eraser(open_log=open_log, bring_in=bring_in)
    return [
        PixelServicer(open_log=open_log, streaming=streaming).service(),
        SubscriptionServicer(open_log=open_log).service(),
        OperationServicer(open_log=open_log, eraser=eraser, drain=drain).service(),
    ]


def conditions(health: RecorderHealth, tail: Tail, drain: Drain) -> list[Condition]:
    """Return what must hold for the process to be ready.

    It is ready while opens are durable, be it in the spool: the pixel is answered.
    """
    durable = health.state in (RecorderState.LOG, RecorderState.SPOOL)
    return [
        Condition(
            name="opens are durable",
            holds=durable,
            detail=f"in the {health.state.value}"
            if durable
            else f"{health.held_opens} in memory, {health.lost_opens} lost",
        ),
        # Of gRPC, whose health service says it: a balancer of pixels must not go by it.
        Condition(name="opens can be streamed", holds=tail.failure is None, is_required=False),
        Condition(name="not draining", holds=not drain.is_draining),
    ]
