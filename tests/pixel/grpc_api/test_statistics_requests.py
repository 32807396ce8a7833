"""What may be asked of statistics, and what is made of it: no service runs."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.grpc_api.statistics_requests import WantedStatistics, read_statistics_request
from pixel_service.grpc_api.statistics_responses import statistics_to_proto
from pixel_service.open_log import Counts, Statistics, StatisticsRow
from pixel_service.statistics import told_apart
from service_runtime.errors import InvalidFields
from service_runtime.times import EPOCH

NOW: Final = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
HOUR: Final = dt.timedelta(hours=1)
DAY: Final = dt.timedelta(days=1)


def read(**fields: Any) -> WantedStatistics:  # noqa: ANN401 - of any field
    request = pb.GetStatisticsRequest(**{"start_time": NOW - 5 * DAY, **fields})
    return read_statistics_request(request, now=NOW)


def wrong_fields(**fields: Any) -> Sequence[str]:  # noqa: ANN401 - of any field
    with pytest.raises(InvalidFields) as caught:
        read(**fields)
    return [each.field for each in caught.value.violations]


@pytest.mark.parametrize(
    ("interval", "start", "end", "count"),
    [
        (pb.INTERVAL_UNSPECIFIED, "2026-03-08", "2026-03-11", 0),
        (pb.INTERVAL_HOUR, "2026-03-08T23", "2026-03-10T13", 38),
        (pb.INTERVAL_DAY, "2026-03-08", "2026-03-11", 3),
        (pb.INTERVAL_MONTH, "2026-03-01", "2026-04-01", 1),
    ],
)
def test_spans_have_whole_intervals(
    interval: pb.Interval.ValueType, start: str, end: str, count: int
) -> None:
    """Beginning and end are in the span, with the intervals that they lie in."""
    wanted = read(start_time=NOW.replace(day=8, hour=23), interval=interval)
    begins, ends = (dt.datetime.fromisoformat(each).replace(tzinfo=dt.UTC) for each in (start, end))

    assert (wanted.query.start, wanted.query.end) == (begins, ends)
    assert len(wanted.starts) == count
    assert wanted.starts[:1] == [begins][:count]


def test_an_end_where_an_interval_begins_is_no_part_of_the_span() -> None:
    """It stays where it is; months are those of the calendar."""
    wanted = read(
        start_time=NOW.replace(year=2024, month=1),
        end_time=NOW.replace(day=1, hour=0, minute=0),
        interval=pb.INTERVAL_MONTH,
    )

    assert wanted.query.end == dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    assert [each.month for each in wanted.starts] == [*range(1, 13), *range(1, 13), 1, 2]
    assert {each.day for each in wanted.starts} == {1}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"start_time": None}, ["start_time"]),
        ({"start_time": EPOCH - DAY}, ["start_time"]),
        ({"end_time": NOW.replace(year=9999)}, ["end_time"]),
        ({"end_time": NOW - 5 * DAY}, ["end_time"]),
        ({"start_time": NOW + DAY}, ["end_time"]),
        ({"start_time": NOW - 1_000 * DAY, "interval": pb.INTERVAL_DAY}, ["end_time"]),
        ({"start_time": NOW - 36 * DAY, "interval": pb.INTERVAL_HOUR}, ["start_time"]),
        ({"interval": 4}, ["interval"]),
        ({"dimension": 8}, ["dimension"]),
        ({"configuration_ids": ["news", "?"]}, ["configuration_ids[1]"]),
        ({"configuration_ids": ["news"] * 101}, ["configuration_ids"]),
        ({"tag_key": "a", "dimension": pb.DIMENSION_AGENT}, ["tag_key"]),
        ({"tag_key": "a" * 194, "dimension": pb.DIMENSION_TAG}, ["tag_key"]),
        ({"tag": "a=b", "dimension": pb.DIMENSION_TAG}, ["tag"]),
        ({"tag": "a"}, ["tag"]),
        ({"tag": "a=\0"}, ["tag"]),
        ({"max_values": -1, "tag": "a"}, ["tag", "max_values"]),
    ],
)
def test_what_is_wrong_is_named(fields: Mapping[str, Any], wrong: Sequence[str]) -> None:
    """Every field that is wrong, and no other."""
    assert wrong_fields(**fields) == wrong


@pytest.mark.parametrize(
    "fields",
    [
        {"start_time": NOW - 999 * DAY, "interval": pb.INTERVAL_DAY},
        {"start_time": NOW - 35 * DAY, "interval": pb.INTERVAL_HOUR},
        {"start_time": EPOCH, "end_time": NOW.replace(year=9998, month=12, day=31)},
        {"tag": f"{'k' * 64}={'v' * 128}", "dimension": pb.DIMENSION_CONFIGURATION},
    ],
)
def test_what_is_at_its_limit_is_answered(fields: Mapping[str, Any]) -> None:
    """A thousand days, 35 days of hours, all years, the longest tag."""
    assert len(read(**fields).starts) <= 1_000


@pytest.mark.parametrize(("asked", "meant"), [(0, 20), (7, 7), (1_000, 100)])
def test_values_are_limited(asked: int, meant: int) -> None:
    """Twenty if nothing is said, a hundred at most."""
    assert read(max_values=asked).max_values == meant


def test_a_response_that_no_client_takes_is_refused() -> None:
    """A hundred of the longest tags on each of a thousand days are some 20 MB."""
    wanted = read(
        start_time=NOW - 999 * DAY,
        interval=pb.INTERVAL_DAY,
        dimension=pb.DIMENSION_TAG,
        max_values=100,
    )
    rows = [
        StatisticsRow(start=start, value=f"{number:0193}", counts=Counts(opens=100))
        for start in wanted.starts
        for number in range(20)
    ]
    statistics = Statistics(
        totals=(), rows=rows, counted_until=None, uncounted=0, tracked_until=None
    )

    told = told_apart(rows, min_group_size=10, max_values=100)

    with pytest.raises(InvalidFields, match="max_values"):
        statistics_to_proto(statistics, wanted, told, min_group_size=10)


def test_no_count_is_below_zero() -> None:
    """A value that more was taken from than was added to it has nothing."""
    row = StatisticsRow(start=NOW, value="", counts=Counts(opens=-1, person_opens=2))
    statistics = Statistics(
        totals=[row], rows=(), counted_until=None, uncounted=0, tracked_until=None
    )
    told = told_apart((), min_group_size=10, max_values=20)
    response = statistics_to_proto(statistics, read(), told, min_group_size=10)

    assert response.total == pb.Counts(person_opens=2)
