"""Spans of time that a page shows statistics of, and how their intervals are called."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final

from emailopens.pixel.v1 import statistics_service_pb2 as pb


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsSpan:
    """A span up to now, in intervals of which a chart has room for all."""

    name: str
    length: dt.timedelta
    interval: pb.Interval.ValueType

    def name_of(self, start: dt.datetime) -> str:
        """Return the interval that begins at *start*, in full."""
        return f"{start:{_NAMES[self.interval]}}".lstrip("0")

    def label_of(self, start: dt.datetime) -> str:
        """Return the interval that begins at *start*, in few characters."""
        if self.interval == pb.INTERVAL_HOUR and start.hour:
            return f"{start:%H:00}"
        return f"{start:{_LABELS[self.interval]}}".lstrip("0")


_NAMES: Final[Mapping[int, str]] = {
    pb.INTERVAL_HOUR: "%d %b, %H:00",
    pb.INTERVAL_DAY: "%d %b %Y",
    pb.INTERVAL_MONTH: "%B %Y",
}
# An hour has its own, but for midnight, which says which day begins.
_LABELS: Final[Mapping[int, str]] = {
    pb.INTERVAL_HOUR: "%d %b",
    pb.INTERVAL_DAY: "%d %b",
    pb.INTERVAL_MONTH: "%b %Y",
}

SPANS: Final[Mapping[str, StatisticsSpan]] = {
    "day": StatisticsSpan(name="24 hours", length=dt.timedelta(days=1), interval=pb.INTERVAL_HOUR),
    "week": StatisticsSpan(name="7 days", length=dt.timedelta(days=7), interval=pb.INTERVAL_DAY),
    "month": StatisticsSpan(name="30 days", length=dt.timedelta(days=30), interval=pb.INTERVAL_DAY),
    "quarter": StatisticsSpan(
        name="90 days", length=dt.timedelta(days=90), interval=pb.INTERVAL_DAY
    ),
    "year": StatisticsSpan(
        name="12 months", length=dt.timedelta(days=365), interval=pb.INTERVAL_MONTH
    ),
}

DEFAULT_SPAN: Final = "month"


def span_of(name: str) -> tuple[str, StatisticsSpan]:
    """Return the span of that name, and its name; the usual one if there is no such."""
    name = name if name in SPANS else DEFAULT_SPAN
    return name, SPANS[name]
