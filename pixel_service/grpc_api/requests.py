"""Requests of readers, from protobuf to values."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

from google.protobuf import duration_pb2

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2, webhook_service_pb2
from pixel_service.open_log import OpenFilter
from pixel_service.streaming import MAX_BATCH_NOTIFICATIONS, NamedPosition, Selection, Start
from service_runtime.callers import current_caller
from service_runtime.field_checks import FieldChecks

MAX_CONFIGURATION_IDS: Final = 100
MAX_EXCLUDED_AGENTS: Final = 10
MAX_CONSUMER_NAME_CHARACTERS: Final = 128
DEFAULT_MAX_OUTSTANDING: Final = 10_000
MAX_OUTSTANDING: Final = 1_000_000
DEFAULT_HEARTBEAT: Final = dt.timedelta(seconds=15)
MIN_HEARTBEAT: Final = dt.timedelta(seconds=1)

# Load balancers drop what is silent for 60 s.
MAX_HEARTBEAT: Final = dt.timedelta(seconds=50)

_ENDS: Final = {
    pb.POSITION_EARLIEST: NamedPosition.EARLIEST,
    pb.POSITION_LATEST: NamedPosition.LATEST,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """What a client asks of StreamOpens, with defaults filled in."""

    start: Start
    """Means nothing with a subscription, which knows its own."""
    subscription_id: str
    """Empty without one."""
    selection: Selection
    max_batch_size: int
    max_outstanding: int
    heartbeat_interval: dt.timedelta
    stop_at_head: bool
    consumer_name: str


def read_stream_request(request: pb.StreamOpensRequest) -> StreamRequest:
    """Return *request* as values.

    Raises:
        InvalidFields: naming each field that is wrong.
    """
    checks = FieldChecks()
    which = request.WhichOneof("start")
    has_subscription = which == "subscription_id"
    if has_subscription:
        _check_subscription(request, checks)
    checks.require(request.max_batch_size >= 0, "max_batch_size", "must not be negative")
    checks.require(request.max_outstanding >= 0, "max_outstanding", "must not be negative")
    checks.require(
        has_subscription or request.max_outstanding == 0,
        "max_outstanding",
        "needs a subscription",
    )
    checks.require(
        len(request.consumer_name) <= MAX_CONSUMER_NAME_CHARACTERS,
        "consumer_name",
        f"has more than {MAX_CONSUMER_NAME_CHARACTERS} characters",
    )
    # PostgreSQL's text cannot hold it, and no name needs it.
    checks.require("\0" not in request.consumer_name, "consumer_name", "has a NUL")
    selection = read_selection(request.configuration_ids, request.filter, checks)
    start: Start = NamedPosition.LATEST
    if not has_subscription:
        start = read_start(request, which, checks, oneof="start")
    checks.finish()
    return StreamRequest(
        start=start,
        subscription_id=request.subscription_id,
        selection=selection,
        max_batch_size=min(
            request.max_batch_size or MAX_BATCH_NOTIFICATIONS, MAX_BATCH_NOTIFICATIONS
        ),
        max_outstanding=min(request.max_outstanding or DEFAULT_MAX_OUTSTANDING, MAX_OUTSTANDING),
        heartbeat_interval=_heartbeat_interval(request),
        stop_at_head=request.stop_at_head,
        consumer_name=request.consumer_name,
    )


def _check_subscription(request: pb.StreamOpensRequest, checks: FieldChecks) -> None:
    checks.require_id(request.subscription_id, "subscription_id")
    has_its_own = "must be unset: the subscription has its own"
    checks.require(not request.configuration_ids, "configuration_ids", has_its_own)
    checks.require(not request.HasField("filter"), "filter", has_its_own)


def _heartbeat_interval(request: pb.StreamOpensRequest) -> dt.timedelta:
    if not request.HasField("heartbeat_interval"):
        return DEFAULT_HEARTBEAT
    return min(max(_timedelta(request.heartbeat_interval), MIN_HEARTBEAT), MAX_HEARTBEAT)


def _timedelta(duration: duration_pb2.Duration) -> dt.timedelta:
    # Not ToTimedelta: it raises on what is out of range, and that is taken into it.
    seconds = min(max(duration.seconds, 0), int(MAX_HEARTBEAT.total_seconds()))
    return dt.timedelta(seconds=seconds, microseconds=duration.nanos // 1_000)


def read_selection(
    configuration_ids: Sequence[str],
    open_filter: pb.OpenFilter,
    checks: FieldChecks,
    *,
    prefix: str = "",
) -> Selection:
    """Return what the fields of a request select; *prefix* is the path to them."""
    wanted = read_configuration_ids(configuration_ids, checks, field=f"{prefix}configuration_ids")
    agents = open_filter.exclude_agents
    checks.require(
        len(agents) <= MAX_EXCLUDED_AGENTS,
        f"{prefix}filter.exclude_agents",
        f"has more than {MAX_EXCLUDED_AGENTS} elements",
    )
    checks.require(
        open_filter.min_confidence in open_notification_pb2.Confidence.values(),
        f"{prefix}filter.min_confidence",
        "is not a confidence that this service knows",
    )
    return Selection(
        configuration_ids=wanted,
        filter=OpenFilter(
            exclude_agents=frozenset(int(agent) for agent in agents),
            min_confidence=int(open_filter.min_confidence),
            first_open_only=open_filter.first_open_only,
        ),
    )


def narrowed(selection: Selection) -> Selection:
    """Return what *selection* means to the caller: no configuration means all of its own.

    Raises:
        ConfigurationNotAllowed: it names another's.
    """
    return dataclasses.replace(
        selection, configuration_ids=current_caller().narrowed(selection.configuration_ids)
    )


def read_configuration_ids(
    configuration_ids: Sequence[str], checks: FieldChecks, *, field: str = "configuration_ids"
) -> frozenset[str]:
    """Return the configurations that *field* names; empty means all."""
    checks.require(
        len(configuration_ids) <= MAX_CONFIGURATION_IDS,
        field,
        f"has more than {MAX_CONFIGURATION_IDS} elements",
    )
    for index, configuration_id in enumerate(configuration_ids[:MAX_CONFIGURATION_IDS]):
        checks.require_id(configuration_id, f"{field}[{index}]")
    return frozenset(configuration_ids)


StartRequest = (
    pb.StreamOpensRequest
    | pb.ListOpensRequest
    | subscription_service_pb2.CreateSubscriptionRequest
    | subscription_service_pb2.SeekSubscriptionRequest
    | webhook_service_pb2.CreateWebhookRequest
    | webhook_service_pb2.ReplayWebhookRequest
)


def read_start(
    request: StartRequest, which: str | None, checks: FieldChecks, *, oneof: str
) -> Start:
    """Return where *request* starts; a missing or unknown start is noted.

    Args:
        request: the request.
        which: the member of the oneof that is set.
        checks: notes what is wrong.
        oneof: the name of the oneof.
    """
    match which:
        case "after_cursor":
            return request.after_cursor
        case "from_time":
            return checks.time(request.from_time, "from_time")
        case "position" if not isinstance(request, pb.ListOpensRequest):
            end = _ENDS.get(request.position)
            checks.require(end is not None, "position", "must be EARLIEST or LATEST")
            return end or NamedPosition.LATEST
        case _:
            checks.refuse(oneof, "is missing: say where to start")
            return NamedPosition.LATEST
