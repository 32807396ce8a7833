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

_MINUTE: Final = dt.timedelta(minutes=1)


class RecentOpens:
    """The latest opens, and the numbers of the last minutes, since *since*."""

    def __init__(self, since: dt.datetime) -> None:
        self.since = since
        self.added = 0
        """How many were added ever."""
        self._latest: collections.deque[pb.OpenNotification] = collections.deque(maxlen=LAST_OPENS)
        # Bounded by `_forget`.
        self._minutes: dict[dt.datetime, Split] = {}
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
        minutes = (last - back * _MINUTE for back in reversed(range(MINUTES)))
        first = _minute_of(self.since)
        return [(each, self._minutes.get(each, Split())) for each in minutes if each >= first]

    def _count(self, notification: pb.OpenNotification) -> None:
        minute = _minute_of(notification.open.open_time.ToDatetime(tzinfo=dt.UTC))
        one = _ONE[kind_of(notification.open.evidence.agent)]
        self._minutes[minute] = self._minutes.get(minute, Split()) + one

    def _forget(self, now: dt.datetime) -> None:
        # Those ahead are of a clock that is, and would never be forgotten.
        earliest, latest = _minute_of(now) - MINUTES * _MINUTE, _minute_of(now) + _MINUTE
        for minute in [each for each in self._minutes if not earliest <= each <= latest]:
            del self._minutes[minute]


_ONE: Final = {
    Kind.PERSON: Split(person=1),
    Kind.MACHINE: Split(machine=1),
    Kind.UNKNOWN: Split(unknown=1),
}


def _minute_of(time: dt.datetime) -> dt.datetime:
    return time.replace(second=0, microsecond=0)
