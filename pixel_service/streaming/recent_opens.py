"""The newest opens in memory: everything that the log holds between two positions."""

import bisect
import collections
import dataclasses
import datetime as dt
import time
from typing import Final

from pixel_service.open_log import LogEntry, Page, Position, count_within

# A second or so of the fastest recording that was measured. A stream that is
# further behind reads the log by itself.
_MAX_ENTRIES: Final = 20_000
_MAX_OCTETS: Final = 16 * 1024 * 1024

# What was erased from the log is gone from here, too, after this long.
_MAX_AGE: Final = dt.timedelta(seconds=30)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """What one reading brought."""

    time: float
    entries: int
    octets: int


class RecentOpens:
    """Entries of the log between its end and some position before.

    Bounded in entries, octets and age. Nobody waits for a slow reader: what is
    dropped here is still in the log.
    """

    def __init__(self, end: Position) -> None:
        self._entries: list[LogEntry] = []
        self._arrivals: collections.deque[_Arrival] = collections.deque()
        self._octets = 0
        self._start = self.end = end

    def begin(self, at: Position) -> None:
        """Hold nothing, and be continued after *at*."""
        self._entries.clear()
        self._arrivals.clear()
        self._octets = 0
        self._start = self.end = at

    def read(self, *, after: Position, max_entries: int, max_octets: int) -> Page | None:
        """Return what follows *after*, as `OpenLog.read` does; None if it begins too late."""
        if after < self._start:
            return None
        # An entry's first two members are its position; a shorter tuple sorts first.
        index = bisect.bisect_left(self._entries, (after.transaction, after.sequence + 1))
        found = self._entries[index : index + max_entries]
        found = found[: count_within([len(entry.notification) for entry in found], max_octets)]
        if index + len(found) < len(self._entries):
            return Page(entries=found, after=found[-1].position, at_head=False)
        return Page(entries=found, after=max(after, self.end), at_head=True)

    def extend(self, page: Page) -> bool:
        """Take over the *page* that follows the end; return whether it moves the end."""
        self._drop_old(time.monotonic())
        if page.after <= self.end:
            return False
        octets = sum(len(entry.notification) for entry in page.entries)
        self._entries += page.entries
        self._arrivals.append(
            _Arrival(time=time.monotonic(), entries=len(page.entries), octets=octets)
        )
        self._octets += octets
        self.end = page.after
        return True

    def _drop_old(self, now: float) -> None:
        while self._arrivals and self._is_too_much(self._arrivals[0], now):
            arrival = self._arrivals.popleft()
            if arrival.entries:
                self._start = self._entries[arrival.entries - 1].position
                del self._entries[: arrival.entries]
            self._octets -= arrival.octets

    def _is_too_much(self, oldest: _Arrival, now: float) -> bool:
        return (
            len(self._entries) > _MAX_ENTRIES
            or self._octets > _MAX_OCTETS
            or now - oldest.time > _MAX_AGE.total_seconds()
        )
