"""Statistics in a table for people, which fits their terminal."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from google.protobuf import timestamp_pb2

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.cli.fitted_table import Column, FittedTable, width_of
from pixel_service.cli.statistics_rows import Row, rows_of, totals_of

_NOT_KNOWN: Final = "(not known)"
_REST: Final = "(others)"
_ALL: Final = "(all)"
_TOTAL: Final = "total"
_NOTHING: Final = "-"

# How the constants begin that are the values of a dimension, and that people need not read.
_PREFIXES: Final[Mapping[int, str]] = {
    pb.DIMENSION_AGENT: "AGENT_",
    pb.DIMENSION_CONFIDENCE: "CONFIDENCE_",
    pb.DIMENSION_PRIVACY_LEVEL: "PRIVACY_LEVEL_",
}

_INTERVALS: Final[Mapping[int, tuple[str, str]]] = {
    pb.INTERVAL_HOUR: ("HOUR", "%Y-%m-%d %H:%M"),
    pb.INTERVAL_DAY: ("DAY", "%Y-%m-%d"),
    pb.INTERVAL_MONTH: ("MONTH", "%Y-%m"),
}

# Tags may be long; the first column is not where they end.
_LEAST_VALUE: Final = 12
_MOST_VALUE: Final = 60


def statistics_table(
    response: pb.GetStatisticsResponse, request: pb.GetStatisticsRequest, width: int | None
) -> str:
    """Return the lines of *response*, none wider than *width*; None: every cell is whole."""
    rows = [*rows_of(response), *_last_of(response)]
    table = FittedTable(_columns(rows, response, request), width)
    return "".join(f"{line}\n" for line in (table.heading, *map(table.row, rows)))


def _last_of(response: pb.GetStatisticsResponse) -> Iterable[Row]:
    return totals_of(response) if response.intervals or response.values else ()


def _columns(
    rows: Sequence[Row], response: pb.GetStatisticsResponse, request: pb.GetStatisticsRequest
) -> Sequence[Column[Row]]:
    columns: list[Column[Row]] = []
    if response.intervals:
        heading, form = _INTERVALS[request.interval]
        columns.append(_fitting(rows, heading, 0, lambda row: _time(row, form)))
    columns += [
        _fitting(rows, heading, rank, value, is_number=True)
        for heading, rank, value in _NUMBERS
        if heading not in _OF_TRACKED or response.HasField("tracked_until_time")
    ]
    if response.values:
        prefix = _PREFIXES.get(request.dimension, "")
        # The last: if it is written from right to left it moves nothing else.
        columns.append(
            Column(
                heading=_heading_of(request),
                least=_LEAST_VALUE,
                most=_MOST_VALUE,
                rank=0,
                value=lambda row: _value(row, prefix),
            )
        )
    return columns


def _heading_of(request: pb.GetStatisticsRequest) -> str:
    return pb.Dimension.Name(request.dimension).removeprefix("DIMENSION_").replace("_", " ")


def _fitting(
    rows: Iterable[Row],
    heading: str,
    rank: int,
    value: Callable[[Row], str],
    *,
    is_number: bool = False,
) -> Column[Row]:
    """Return a column that is as wide as what it has: a number that is cut is another."""
    width = max(width_of(heading), *(width_of(value(row)) for row in rows))
    return Column(
        heading=heading, least=width, most=width, rank=rank, value=value, is_number=is_number
    )


def _time(row: Row, form: str) -> str:
    return _TOTAL if row.start is None else row.start.strftime(form)


def _value(row: Row, prefix: str) -> str:
    if row.is_rest:
        return _REST
    if row.value is None:
        return _ALL
    return row.value.removeprefix(prefix) or _NOT_KNOWN


def _tracked(row: Row) -> str:
    return f"{row.counts.messages_tracked:,}" if row.counts.messages_tracked else _NOTHING


def _opened(row: Row) -> str:
    return _range(*(f"{each:,}" for each in _bounds(row.counts)))


def _rate(row: Row) -> str:
    tracked = row.counts.messages_tracked
    if not tracked:
        return _NOTHING
    return f"{_range(*(f'{100 * each / tracked:.1f}' for each in _bounds(row.counts)))} %"


def _bounds(counts: pb.Counts) -> tuple[int, int]:
    """Return how many messages were opened, at least and at most.

    A message that was fetched in advance and then opened by a person is in the upper bound
    of one interval and in the lower of a later one, which may be the larger there.
    """
    least = counts.messages_opened_at_least
    return least, max(least, counts.messages_opened_at_most)


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least}-{most}"


# With the ranks by which they leave a narrow terminal.
_NUMBERS: Final[Sequence[tuple[str, int, Callable[[Row], str]]]] = (
    ("TRACKED", 2, _tracked),
    ("OPENED", 0, _opened),
    ("RATE", 1, _rate),
    ("OPENS", 3, lambda row: f"{row.counts.opens:,}"),
    ("FIRST", 7, lambda row: f"{row.counts.first_opens:,}"),
    ("PERSONS", 4, lambda row: f"{row.counts.person_opens:,}"),
    ("MACHINES", 5, lambda row: f"{row.counts.machine_opens:,}"),
    ("UNKNOWN", 6, lambda row: f"{row.counts.unknown_opens:,}"),
)

_OF_TRACKED: Final = ("TRACKED", "RATE")


def what_is_counted(response: pb.GetStatisticsResponse) -> str:
    """Return of which span the counts are, and up to when there is something in them."""
    parts = ["no opens are counted"]
    if response.HasField("counted_until_time"):
        parts = [f"opens counted until {_moment(response.counted_until_time)}"]
    if response.uncounted_opens:
        parts.append(f"{response.uncounted_opens:,} wait to be counted")
    if response.HasField("tracked_until_time"):
        time = response.tracked_until_time
        parts.append(f"messages tracked until {_moment(time)} ({_age(time)} ago)")
    else:
        parts.append("messages tracked are not collected")
    span = f"from {_moment(response.start_time)} to {_moment(response.end_time)}"
    return f"{span}\n{', '.join(parts)}"


def _age(time: timestamp_pb2.Timestamp) -> dt.timedelta:
    seconds = (dt.datetime.now(dt.UTC) - time.ToDatetime(dt.UTC)).total_seconds()
    return dt.timedelta(seconds=max(0, round(seconds)))


def _moment(time: timestamp_pb2.Timestamp) -> str:
    return time.ToDatetime(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
