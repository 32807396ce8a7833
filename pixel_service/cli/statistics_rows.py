"""What `pixel-service statistics` prints, row by row, for programs and for spreadsheets."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.cli.csv_rows import csv_lines, text_cell

_COUNTS: Final = pb.Counts.DESCRIPTOR.fields


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The counts of an interval, of a value, or of a value in an interval."""

    start: dt.datetime | None
    """None: of the span as a whole."""

    value: str | None
    """None: of everything."""

    is_rest: bool = False
    counts: pb.Counts


def rows_of(response: pb.GetStatisticsResponse) -> Iterator[Row]:
    """Yield what *response* has: of its intervals, if there are any, by values, if there are any.

    Of an interval that nothing has happened in there is one row.
    """
    has_values = bool(response.values)
    for interval in response.intervals:
        start = interval.start_time.ToDatetime(dt.UTC)
        if has_values:
            yield from _of_values(interval.values, start)
        else:
            yield Row(start=start, value=None, counts=interval.total)
    if not response.intervals:
        yield from _of_values(response.values, None) if has_values else totals_of(response)


def totals_of(response: pb.GetStatisticsResponse) -> Iterator[Row]:
    """Yield what there was in the span as a whole, by values and in all, as far as rows lack it."""
    if response.intervals:
        yield from _of_values(response.values, None)
    yield Row(start=None, value=None, counts=response.total)


def _of_values(values: Iterable[pb.ValueCounts], start: dt.datetime | None) -> Iterator[Row]:
    for each in values:
        yield Row(start=start, value=each.value, is_rest=each.is_rest, counts=each.counts)


def as_json(rows: Iterable[Row]) -> str:
    """Return an object for each of *rows*, in a line."""
    return "".join(f"{json.dumps(_object_of(row))}\n" for row in rows)


def _object_of(row: Row) -> Mapping[str, str | bool | int]:
    found: dict[str, str | bool | int] = {}
    if row.start is not None:
        found["startTime"] = _time(row.start)
    if row.value is not None:
        found |= {"value": row.value, "isRest": row.is_rest}
    return found | {each.json_name: getattr(row.counts, each.name) for each in _COUNTS}


def as_csv(rows: Iterable[Row]) -> str:
    """Return a line for each of *rows*, after one with the names of the columns."""
    heading = ["start_time", "value", "is_rest", *(each.name for each in _COUNTS)]
    return csv_lines([heading, *map(_cells_of, rows)])


def _cells_of(row: Row) -> Sequence[str | int]:
    return [
        "" if row.start is None else _time(row.start),
        text_cell(row.value or ""),
        "" if row.value is None else json.dumps(row.is_rest),
        *(getattr(row.counts, each.name) for each in _COUNTS),
    ]


def _time(time: dt.datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
