"""What operators ask for and are answered, from protobuf to values and back."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final, cast

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import operation_service_pb2 as pb
from pixel_service.erasing import Erasure, Target, opens_of_message, opens_of_recipient
from pixel_service.grpc_api.requests import read_configuration_ids
from pixel_service.grpc_api.times import duration, timestamp
from pixel_service.grpc_api.who import has_message_id, has_recipient
from pixel_service.open_log import BEGINNING, DayCount, LogIdentity, LogStats, encode_cursor
from pixel_service.rejudging import Difference, Rejudged
from pixel_service.service_status import ServiceStatus
from service_runtime.field_checks import FieldChecks

# Of one response: 50 KB of the longest IDs and counts.
MAX_LISTED: Final = 500
MAX_UNREACHED: Final = 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrimLimits:
    """What trimming leaves."""

    older_than: dt.timedelta | None
    max_octets: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedCounts:
    """Which counts are asked for."""

    configuration_ids: frozenset[str]
    """Empty: all."""

    earliest_day: dt.date | None

    def of(self, counts: Sequence[DayCount]) -> Sequence[DayCount]:
        """Return those of *counts* that are asked for."""
        wanted = self.configuration_ids
        return [each for each in counts if not wanted or each.configuration_id in wanted]


def read_erase_request(request: pb.EraseOpensRequest) -> Target:
    """Return whose opens *request* wants erased.

    Raises:
        InvalidFields: it says nobody's. The text holds no address.
    """
    checks = FieldChecks()
    target: Target | None = None
    match request.WhichOneof("target"):
        case "recipient":
            if has_recipient(request.recipient, checks):
                target = opens_of_recipient(request.recipient)
        case "message_id":
            if has_message_id(request.message_id, checks):
                target = opens_of_message(request.message_id)
        case _:
            checks.refuse("target", "is missing: say whose opens to erase")
    checks.finish()
    return cast("Target", target)


def read_trim_request(request: pb.TrimOpensRequest) -> TrimLimits:
    """Return what *request* leaves.

    Raises:
        InvalidFields: naming each field that is wrong.
    """
    checks = FieldChecks()
    has_time, has_octets = request.HasField("before_time"), request.HasField("max_octets")
    checks.require(has_time or has_octets, "before_time", "is missing, and so is max_octets")
    checks.require(request.max_octets >= 0, "max_octets", "must not be negative")
    older_than = None
    if has_time:
        age = dt.datetime.now(dt.UTC) - checks.time(request.before_time, "before_time")
        older_than = max(age, dt.timedelta(0))
    checks.finish()
    return TrimLimits(older_than=older_than, max_octets=request.max_octets if has_octets else None)


def read_count_request(request: pb.CountOpensRequest) -> WantedCounts:
    """Return which counts *request* asks for.

    Raises:
        InvalidFields: naming each field that is wrong.
    """
    checks = FieldChecks()
    configuration_ids = read_configuration_ids(request.configuration_ids, checks)
    earliest_day = None
    if request.earliest_day:
        earliest_day = _day(request.earliest_day)
        checks.require(earliest_day, "earliest_day", "must be a day such as 2026-03-01")
    checks.finish()
    return WantedCounts(configuration_ids=configuration_ids, earliest_day=earliest_day)


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    # Not the other forms of ISO 8601, which the contract does not name.
    return day if day.isoformat() == text else None


def erased_so_far(erasure: Erasure) -> pb.EraseOpensResponse:
    """Return how far erasing has come."""
    erased = erasure.erased
    return pb.EraseOpensResponse(
        erased_opens=erased.entries, examined_opens=erased.examined, total_opens=erased.total
    )


def erased_at_last(erasure: Erasure) -> pb.EraseOpensResponse:
    """Return what erasing came to, with what it did not reach."""
    response = erased_so_far(erasure)
    if erasure.outside.is_waiting:
        response.unreached_opens.add(reason=pb.UnreachedOpens.REASON_WAITING)
    if erasure.erased.older_state_is_read:
        response.unreached_opens.add(reason=pb.UnreachedOpens.REASON_OLDER_STATE_READ)
    for path in erasure.outside.damaged_files[:MAX_UNREACHED]:
        response.unreached_opens.add(reason=pb.UnreachedOpens.REASON_DAMAGED_FILE, path=path)
    return response


def counts_to_proto(counts: Sequence[DayCount]) -> Iterator[pb.CountOpensResponse]:
    """Return *counts* in one response or, if they are many, in several."""
    for start in range(0, max(len(counts), 1), MAX_LISTED):
        yield pb.CountOpensResponse(
            daily_counts=[_count_to_proto(each) for each in counts[start : start + MAX_LISTED]]
        )


def _count_to_proto(count: DayCount) -> pb.DailyCount:
    return pb.DailyCount(
        day=count.day.isoformat(),
        configuration_id=count.configuration_id,
        opens=count.opens,
        first_opens=count.first_opens,
        collapsed_opens=count.collapsed_opens,
        agent_counts=[
            pb.AgentCount(agent=_agent(agent), opens=opens)
            for agent, opens in sorted(count.opens_by_agent.items())
        ],
    )


def rejudged_so_far(rejudged: Rejudged, identity: LogIdentity) -> pb.RejudgeOpensResponse:
    """Return how far judging again has come."""
    return pb.RejudgeOpensResponse(
        examined_opens=rejudged.examined,
        total_opens=rejudged.total,
        rejudged_opens=rejudged.judged,
        cursor=encode_cursor(rejudged.after or BEGINNING, identity),
        ruleset_version=rejudged.ruleset_version,
    )


def rejudged_at_last(rejudged: Rejudged, identity: LogIdentity) -> pb.RejudgeOpensResponse:
    """Return what judging again came to."""
    response = rejudged_so_far(rejudged, identity)
    for (before, after), opens in rejudged.differences.most_common():
        response.changes.add(
            agent_before=_agent(before.agent),
            confidence_before=_confidence(before.confidence),
            agent_after=_agent(after.agent),
            confidence_after=_confidence(after.confidence),
            opens=opens,
            example_event_ids=rejudged.examples[Difference(before, after)],
        )
    return response


# The numbers are the contract's; the stubs want them under their own names.


def _agent(number: int) -> open_notification_pb2.Agent.ValueType:
    return cast("open_notification_pb2.Agent.ValueType", number)


def _confidence(number: int) -> open_notification_pb2.Confidence.ValueType:
    return cast("open_notification_pb2.Confidence.ValueType", number)


def stats_to_proto(stats: LogStats, identity: LogIdentity) -> pb.GetLogStatsResponse:
    """Return *stats* as the contract has them."""
    return pb.GetLogStatsResponse(
        log_id=identity.log_id,
        epoch=identity.epoch,
        opens=stats.entries,
        octets=stats.octets,
        earliest_time=None if stats.earliest_time is None else timestamp(stats.earliest_time),
        latest_time=None if stats.head_time is None else timestamp(stats.head_time),
        earliest_cursor=encode_cursor(stats.earliest, identity),
        head_cursor=encode_cursor(stats.head, identity),
        held_back=duration(dt.timedelta(seconds=stats.held_back_seconds))
        if stats.held_back_seconds
        else None,
    )


def status_to_proto(status: ServiceStatus) -> pb.GetServiceStatusResponse:
    """Return *status* as the contract has it."""
    waiting = status.oldest_waiting
    return pb.GetServiceStatusResponse(
        conditions=[
            pb.GetServiceStatusResponse.Condition(
                name=each.name, holds=each.holds, detail=each.detail
            )
            for each in status.conditions
        ],
        journals=status.journals,
        waiting_octets=status.waiting_octets,
        oldest_waiting=None if waiting is None else duration(waiting),
        start_time=timestamp(status.start_time),
        version=status.version,
    )
