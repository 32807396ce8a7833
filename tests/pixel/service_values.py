"""A pixel service in this process, and what fetches from it."""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import grpc
import pybase64
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.pixel.v1 import (
    operation_service_pb2_grpc,
    statistics_service_pb2_grpc,
    subscription_service_pb2_grpc,
    webhook_service_pb2_grpc,
)
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens.token.v1 import pixel_token_pb2
from pixel_service.erasing import Eraser
from pixel_service.evidence import Judge, load_judge
from pixel_service.grpc_api import (
    STATUS_OF,
    ObjectionServicer,
    OperationServicer,
    PixelServicer,
    StatisticsServicer,
    StreamServicer,
    SubscriptionServicer,
    WebhookServicer,
)
from pixel_service.grpc_api.stream_servicer import DEFAULT_STALL_TIMEOUT
from pixel_service.journal import Journals
from pixel_service.notification import number_open
from pixel_service.open_log import OpenLog, OutsideLog, Position, connect
from pixel_service.rejudging import Rejudger
from pixel_service.service_status import StatusReporter
from pixel_service.statistics import COUNTING_RULES
from pixel_service.streaming import LiveStreams, following
from service_runtime.admission import OPEN_TO_ALL, Admission
from service_runtime.drain import Drain
from service_runtime.grpc_server import grpc_server
from service_runtime.key_ring import KeyRing

BEYOND: Final = Position(2**60, 2**60)
"""After everything that any log here holds."""


def seal(token: pixel_token_pb2.PixelToken, ring: KeyRing) -> str:
    """Return *token* sealed, by the words of `pixel_token.proto` and not by our own code."""
    key_id = bytes([ring.active_key_id])
    sealed = AESSIV(ring.active_key).encrypt(
        token.SerializeToString(), [b"emailopens.token.v1.pixel", key_id]
    )
    return pybase64.urlsafe_b64encode(key_id + sealed).rstrip(b"=").decode()


def a_token(
    message_id: str = "m1", *, to: str = "reader@example.org", **fields: object
) -> pixel_token_pb2.PixelToken:
    """Return the token of a message for the configuration `news`, and those in *fields*."""
    token = pixel_token_pb2.PixelToken(
        message_id=message_id,
        configuration_ids=["news"],
        acceptance_time_us=1_770_000_000_000_000,
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
        identity_id="news@example.com",
        to_mailboxes=[to],
        subject="Hello",
    )
    token.MergeFrom(pixel_token_pb2.PixelToken(**fields))  # type: ignore[arg-type] # as named
    return token


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StreamService:
    """Streams and subscriptions over one log, served."""

    log: OpenLog
    drain: Drain
    streams: LiveStreams
    address: str
    pixel: "pb_grpc.PixelServiceAsyncStub"
    subscriptions: "subscription_service_pb2_grpc.SubscriptionServiceAsyncStub"
    operations: "operation_service_pb2_grpc.OperationServiceAsyncStub"
    webhooks: "webhook_service_pb2_grpc.WebhookServiceAsyncStub"
    statistics: "statistics_service_pb2_grpc.StatisticsServiceAsyncStub"


@contextlib.asynccontextmanager
async def a_log(folder: Path) -> AsyncIterator[OpenLog]:
    """Open the embedded log in *folder*."""
    async with log_at(f"sqlite:///{folder / 'opens.db'}") as log:
        yield log


@contextlib.asynccontextmanager
async def log_at(url: str) -> AsyncIterator[OpenLog]:
    """Open the log at *url* as the service does."""
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        yield log


async def nothing_changed() -> None:
    """Take it that nobody wants to know."""


async def nothing_outside() -> OutsideLog:
    """Say that everything is in the log."""
    return OutsideLog()


NOTHING_TO_REPORT: Final = StatusReporter(
    journals=Journals(Path("/nonexistent")),
    conditions=list,
    late_seconds=lambda: 0.0,
    start_time=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
)
"""Of a service without journals."""


@contextlib.asynccontextmanager
async def streaming(
    log: OpenLog,
    *,
    listen: str = "127.0.0.1:0",
    max_streams: int = 100,
    stall_timeout: dt.timedelta = DEFAULT_STALL_TIMEOUT,
    grace: dt.timedelta = dt.timedelta(seconds=1),
    bring_in: Callable[[], Awaitable[OutsideLog]] = nothing_outside,
    admission: Admission = OPEN_TO_ALL,
    judge_loader: Callable[[], Judge] = load_judge,
    reporter: StatusReporter = NOTHING_TO_REPORT,
) -> AsyncIterator[StreamService]:
    """Serve streams over *log* inside the block."""
    drain = Drain(grace=grace)
    streams = LiveStreams(max_streams=max_streams)
    async with (
        following(log, on_news=streams.wake_all) as tail,
        streams.woken_by(drain),
        admission.followed(),
    ):
        live = StreamServicer(
            open_log=log, tail=tail, streams=streams, drain=drain, stall_timeout=stall_timeout
        )
        operation = OperationServicer(
            open_log=log,
            eraser=Eraser(open_log=log, bring_in=bring_in),
            rejudger=Rejudger(open_log=log, load_judge=judge_loader),
            reporter=reporter,
            drain=drain,
        )
        servicers = (
            PixelServicer(open_log=log, streaming=live, drain=drain),
            SubscriptionServicer(open_log=log),
            WebhookServicer(open_log=log, allow_private=True, on_change=lambda: None),
            ObjectionServicer(open_log=log, on_change=nothing_changed),
            StatisticsServicer(open_log=log, min_group_size=10),
            operation,
        )
        async with (
            grpc_server(
                listen=listen,
                services=[each.service(can_serve=tail.is_well) for each in servicers],
                status_codes=STATUS_OF,
                drain=drain,
                admission=admission,
            ) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            yield StreamService(
                log=log,
                drain=drain,
                streams=streams,
                address=address,
                pixel=pb_grpc.PixelServiceStub(channel),
                subscriptions=subscription_service_pb2_grpc.SubscriptionServiceStub(channel),
                operations=operation_service_pb2_grpc.OperationServiceStub(channel),
                webhooks=webhook_service_pb2_grpc.WebhookServiceStub(channel),
                statistics=statistics_service_pb2_grpc.StatisticsServiceStub(channel),
            )
