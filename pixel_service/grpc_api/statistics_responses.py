"""What was counted, from values to protobuf."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from google.protobuf import timestamp_pb2

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.grpc_api.statistics_requests import WantedStatistics
from pixel_service.grpc_api.times import timestamp
from pixel_service.open_log import Counts, Statistics, StatisticsRow
from pixel_service.statistics import ToldApart, added_up, is_small
from service_runtime.errors import FieldViolation, InvalidFields

# gRPC's clients take 4 MB of a message.
MAX_RESPONSE_OCTETS: Final = 3_500_000


def statistics_to_proto(
    statistics: Statistics, wanted: WantedStatistics, told: ToldApart, *, min_group_size: int
) -> pb.GetStatisticsResponse:
    """Return *statistics* as the contract has them, with the values that are *told*.

    Raises:
        InvalidFields: it would be more than a client takes.
    """
    query = wanted.query
    total = added_up(row.counts for row in statistics.totals)
    totals, rows = statistics.totals, statistics.rows
    if query.tag and is_small(total.opens, total.messages_tracked, min_group_size):
        total, totals, rows = Counts(), (), ()
    response = pb.GetStatisticsResponse(
        total=_counts(total),
        start_time=timestamp(query.start),
        end_time=timestamp(query.end),
        counted_until_time=_time(statistics.counted_until),
        uncounted_opens=statistics.uncounted,
        tracked_until_time=_time(statistics.tracked_until),
        min_group_size=min_group_size,
    )
    response.values.extend(_values(rows, told))
    response.intervals.extend(_intervals(wanted.starts, totals, rows, told))
    if response.ByteSize() > MAX_RESPONSE_OCTETS:
        raise InvalidFields(
            FieldViolation(
                field="max_values",
                description="is too large for so many intervals: ask for fewer of either",
            )
        )
    return response


def _intervals(
    starts: Sequence[dt.datetime],
    totals: Iterable[StatisticsRow],
    rows: Iterable[StatisticsRow],
    told: ToldApart,
) -> Iterator[pb.IntervalCounts]:
    total_of = {row.start: row.counts for row in totals}
    rows_of: dict[dt.datetime, list[StatisticsRow]] = {}
    for row in rows:
        rows_of.setdefault(row.start, []).append(row)
    for start in starts:
        yield pb.IntervalCounts(
            start_time=timestamp(start),
            total=_counts(total_of.get(start, Counts())),
            values=_values(rows_of.get(start, ()), told),
        )


def _values(rows: Iterable[StatisticsRow], told: ToldApart) -> Iterator[pb.ValueCounts]:
    """Yield the counts of each value, and of the rest, that *rows* have something of."""
    by_value: Mapping[str, list[Counts]] = {value: [] for value in told.values}
    rest: list[Counts] = []
    for row in rows:
        (rest if row.is_rest else by_value.get(row.value, rest)).append(row.counts)
    for value, counts in by_value.items():
        if counts:
            yield pb.ValueCounts(value=value, counts=_counts(added_up(counts)))
    if rest:
        yield pb.ValueCounts(is_rest=True, counts=_counts(added_up(rest)))


def _counts(counts: Counts) -> pb.Counts:
    fields = {
        "messages_tracked": counts.messages_tracked,
        "opens": counts.opens,
        "first_opens": counts.first_opens,
        "person_opens": counts.person_opens,
        "machine_opens": counts.machine_opens,
        "unknown_opens": counts.opens - counts.person_opens - counts.machine_opens,
        "collapsed_opens": counts.collapsed_opens,
        "messages_opened_at_least": counts.opened_at_least,
        "messages_opened_at_most": counts.opened_at_most,
    }
    # Below zero is what a version that knows more values has taken from one that it was not
    # added to.
    return pb.Counts(**{name: max(0, count) for name, count in fields.items()})


def _time(time: dt.datetime | None) -> timestamp_pb2.Timestamp | None:
    return None if time is None else timestamp(time)
