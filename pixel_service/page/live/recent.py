"""What is kept of the opens that came last: the latest, and how many there were in each minute."""

import collections
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.page.charts import Kind, Split, kind_of

# As many as a person looks at; whoever wants more searches.
LAST_OPENS: Final = 20

MINUTES: Final = 60
"""How far back minutes are shown."""

_SECONDS: Final = 60


class RecentOpens:
    """The latest opens, and the numbers of the last minutes, since *since*."""

    def __init__(self, since: dt.datetime) -> None:
        self.since = since
        self.added = 0
        """How many were added ever."""
        self._latest: collections.deque[pb.OpenNotification] = collections.deque(maxlen=LAST_OPENS)
        # By minute of the epoch.  Bounded by `_forget`.
        self._counts: collections.Counter[tuple[int, Kind]] = collections.Counter()
        self._last_open_id = ""

    def add(self, notifications: Iterable[pb.OpenNotification], *, now: dt.datetime) -> None:
        """Add opens; one that was notified for several configurations counts once."""
        for notification in notifications:
            open_id = notification.event_id.rpartition(":")[0] or notification.event_id
            # The configurations of an open follow one another.
            if open_id != self._last_open_id:
                self._last_open_id = open_id
                self._latest.appendleft(notification)
                self._count(notification)
                self.added += 1
        self._forget(now)

    def latest(self, *, after: int = 0) -> Sequence[pb.OpenNotification]:
        """Return the latest opens, the newest first: of those that came after the first *after*."""
        return list(self._latest)[: max(0, self.added - after)]

    def minutes(self, now: dt.datetime) -> Sequence[tuple[dt.datetime, Split]]:
        """Return the minutes up to *now*, the earliest first, each with its opens."""
        last = _minute_of(now)
        first = max(_minute_of(self.since), last - MINUTES + 1)
        return [(_time_of(each), self._split(each)) for each in range(first, last + 1)]

    def _split(self, minute: int) -> Split:
        return Split(**{kind.value: self._counts[minute, kind] for kind in Kind})

    def _count(self, notification: pb.OpenNotification) -> None:
        # For each of some thousands a second, so without a `datetime`.
        opened = notification.open
        minute = opened.open_time.seconds // _SECONDS
        self._counts[minute, kind_of(opened.evidence.agent)] += 1

    def _forget(self, now: dt.datetime) -> None:
        # Those ahead are of a clock that is, and would never be forgotten.
        earliest, latest = _minute_of(now) - MINUTES, _minute_of(now) + 1
        for key in [each for each in self._counts if not earliest <= each[0] <= latest]:
            del self._counts[key]


def _minute_of(time: dt.datetime) -> int:
    return int(time.timestamp()) // _SECONDS


def _time_of(minute: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(minute * _SECONDS, dt.UTC)
