"""Which services the log process offers by gRPC, each with what it needs."""

import datetime as dt
from collections.abc import Callable, Sequence

from pixel_service.erasing import Eraser
from pixel_service.grpc_api import (
    ObjectionServicer,
    OperationServicer,
    PixelServicer,
    StatisticsServicer,
    StreamServicer,
    SubscriptionServicer,
    WebhookServicer,
)
from pixel_service.log_parts import LogParts
from pixel_service.rejudging import Rejudger
from pixel_service.service_status import StatusReporter
from pixel_service.settings import Settings
from service_runtime.admin_server import Condition
from service_runtime.drain import Drain
from service_runtime.grpc_server import GrpcService


def log_services(
    parts: LogParts,
    *,
    drain: Drain,
    settings: Settings,
    conditions: Callable[[], Sequence[Condition]],
) -> list[GrpcService]:
    """Return the services of a log that is open; *conditions* are those of readiness."""
    log = parts.log
    servicers = (
        _pixel(parts, drain),
        StatisticsServicer(open_log=log, min_group_size=settings.min_group_size),
        SubscriptionServicer(open_log=log),
        _webhooks(parts, settings),
        ObjectionServicer(open_log=log, on_change=parts.objecting.look),
        _operation(parts, drain, settings, conditions),
    )
    # Each of them needs the log for whatever it is asked.
    return [each.service(can_serve=parts.tail.is_well) for each in servicers]


def _pixel(parts: LogParts, drain: Drain) -> PixelServicer:
    streaming = StreamServicer(
        open_log=parts.log, tail=parts.tail, streams=parts.streams, drain=drain
    )
    return PixelServicer(open_log=parts.log, streaming=streaming, drain=drain)


def _webhooks(parts: LogParts, settings: Settings) -> WebhookServicer:
    return WebhookServicer(
        open_log=parts.log,
        allow_private=settings.webhook_allow_private,
        on_change=parts.deliveries.webhooks_have_changed,
    )


def _operation(
    parts: LogParts,
    drain: Drain,
    settings: Settings,
    conditions: Callable[[], Sequence[Condition]],
) -> OperationServicer:
    return OperationServicer(
        open_log=parts.log,
        eraser=Eraser(open_log=parts.log, bring_in=parts.recorder.bring_in),
        rejudger=Rejudger(open_log=parts.log, load_judge=lambda: settings.judge_loader().load()),
        reporter=StatusReporter(
            journals=parts.journals,
            conditions=conditions,
            late_seconds=lambda: parts.recorder.health.late_seconds,
            start_time=dt.datetime.now(dt.UTC),
        ),
        drain=drain,
    )
