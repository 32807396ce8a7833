"""What is asked of statistics, from protobuf to values."""

import dataclasses
import datetime as dt
from typing import Final

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.grpc_api.requests import read_configuration_ids
from pixel_service.open_log import HOURS_KEPT, Dimension, Interval, StatisticsQuery
from service_runtime.field_checks import FieldChecks
from service_runtime.times import EPOCH

MAX_INTERVALS: Final = 1_000
DEFAULT_MAX_VALUES: Final = 20
MOST_VALUES: Final = 100

# A key of 64 characters, `=`, and a value of 128.
MAX_TAG_CHARACTERS: Final = 193

_DAY: Final = dt.timedelta(days=1)
_LENGTHS: Final = {Interval.HOUR: dt.timedelta(hours=1), Interval.DAY: _DAY}
_LONGEST_MONTH: Final = dt.timedelta(days=31)

# Calendars end in year 9999, and what begins there ends beyond it.
_LAST: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

_INTERVALS: Final = {
    pb.INTERVAL_UNSPECIFIED: None,
    pb.INTERVAL_HOUR: Interval.HOUR,
    pb.INTERVAL_DAY: Interval.DAY,
    pb.INTERVAL_MONTH: Interval.MONTH,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedStatistics:
    """What is asked for, with defaults filled in."""

    query: StatisticsQuery
    """Its configurations are those that the request names, not what its caller may see."""

    starts: list[dt.datetime]
    """Where each interval begins; without intervals, none."""

    max_values: int


def read_statistics_request(
    request: pb.GetStatisticsRequest, *, now: dt.datetime
) -> WantedStatistics:
    """Return *request* as values.

    Raises:
        InvalidFields: naming each field that is wrong.
    """
    checks = FieldChecks()
    known = request.interval in _INTERVALS
    checks.require(known, "interval", "is not one that this service knows")
    interval = _INTERVALS.get(request.interval)
    start, end = _read_span(request, interval, checks, now)
    configuration_ids = read_configuration_ids(request.configuration_ids, checks)
    dimension = _read_dimension(request, checks)
    checks.require(request.max_values >= 0, "max_values", "must not be negative")
    starts = [] if interval is None else _starts(start, end, interval)
    checks.require(
        len(starts) <= MAX_INTERVALS,
        "end_time",
        f"is more than {MAX_INTERVALS:,} intervals after start_time",
    )
    checks.finish()
    return WantedStatistics(
        query=StatisticsQuery(
            start=start,
            end=end,
            interval=interval,
            configuration_ids=configuration_ids or None,
            dimension=dimension,
            tag_key=request.tag_key,
            tag=request.tag,
        ),
        starts=starts,
        max_values=min(request.max_values or DEFAULT_MAX_VALUES, MOST_VALUES),
    )


def _read_span(
    request: pb.GetStatisticsRequest,
    interval: Interval | None,
    checks: FieldChecks,
    now: dt.datetime,
) -> tuple[dt.datetime, dt.datetime]:
    """Return the span that is asked for, from where an interval begins to where one does."""
    checks.require(request.HasField("start_time"), "start_time", "is missing")
    start = checks.time(request.start_time, "start_time")
    end = checks.time(request.end_time, "end_time") if request.HasField("end_time") else now
    for time, field in ((start, "start_time"), (end, "end_time")):
        checks.require(EPOCH <= time < _LAST, field, "must be in a year from 1970 to 9998")
    start, end = (min(max(each, EPOCH), _LAST) for each in (start, end))
    checks.require(start < end, "end_time", "must be later than start_time")
    start = _beginning(start, interval)
    if interval is Interval.HOUR:
        checks.require(
            start >= _beginning(now - HOURS_KEPT, None),
            "start_time",
            f"is too long ago for hours, which are kept for {HOURS_KEPT.days} days: ask for days",
        )
    beginning = _beginning(end, interval)
    return start, beginning if beginning == end else _next(beginning, interval)


def _read_dimension(request: pb.GetStatisticsRequest, checks: FieldChecks) -> Dimension:
    try:
        dimension = Dimension(request.dimension)
    except ValueError:
        checks.refuse("dimension", "is not one that this service knows")
        return Dimension.TOTAL
    if request.tag_key:
        checks.require(dimension is Dimension.TAG, "tag_key", "needs DIMENSION_TAG")
        _check_tag(request.tag_key, "tag_key", checks)
    if request.tag:
        checks.require(
            dimension in (Dimension.TOTAL, Dimension.CONFIGURATION),
            "tag",
            "goes with no dimension but DIMENSION_CONFIGURATION",
        )
        checks.require("=" in request.tag, "tag", "must be key=value")
        _check_tag(request.tag, "tag", checks)
    return dimension


def _check_tag(text: str, field: str, checks: FieldChecks) -> None:
    checks.require_at_most(len(text), MAX_TAG_CHARACTERS, field, "characters")
    # PostgreSQL's text cannot hold it, and no tag has it.
    checks.require("\0" not in text, field, "has a NUL")


def _beginning(time: dt.datetime, interval: Interval | None) -> dt.datetime:
    """Return where the interval begins that has *time* in it; without one, its day."""
    time = time.replace(minute=0, second=0, microsecond=0)
    if interval is Interval.HOUR:
        return time
    return time.replace(hour=0, day=1) if interval is Interval.MONTH else time.replace(hour=0)


def _next(start: dt.datetime, interval: Interval | None) -> dt.datetime:
    """Return where the interval after the one at *start* begins."""
    if interval is Interval.MONTH:
        return (start + _LONGEST_MONTH).replace(day=1)
    return start + (_DAY if interval is None else _LENGTHS[interval])


def _starts(start: dt.datetime, end: dt.datetime, interval: Interval) -> list[dt.datetime]:
    """Return where each interval begins, up to one more than there may be."""
    starts: list[dt.datetime] = []
    while start < end and len(starts) <= MAX_INTERVALS:
        starts.append(start)
        start = _next(start, interval)
    return starts
