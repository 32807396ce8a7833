"""How old the news is that those who stream are sure to have.

Endpoints put a canary into their journals every few seconds.  One has come through when
it was committed, as opens are, and a reading of the log that began after that has
succeeded.  So its age grows whatever it is that keeps opens from those who stream: an
endpoint that writes nothing, a recorder, database or reader that stands still.
"""

import collections
import time
from collections.abc import Callable
from typing import Final, NamedTuple

# Of one journal. At one every five seconds those of more than a minute, of which the log
# is read at least every five.
_MAX_REMEMBERED: Final = 16


class _Canary(NamedTuple):
    sent: float
    """Seconds since 1970."""

    committed: float
    """By the monotonic clock."""


class Canaries:
    """The last canaries of each journal that a living process writes."""

    def __init__(
        self,
        *,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall_clock = wall_clock
        self._clock = clock
        self._by_journal: dict[str, collections.deque[_Canary]] = {}

    def expect(self, journal_id: str) -> None:
        """Expect canaries of a journal; as if one had come through when it was found."""
        if journal_id not in self._by_journal:
            found = _Canary(self._wall_clock(), committed=0.0)
            self._by_journal[journal_id] = collections.deque([found], _MAX_REMEMBERED)

    def forget(self, journal_id: str) -> None:
        """Expect no more of a journal: the process that wrote it is gone."""
        self._by_journal.pop(journal_id, None)

    def committed(self, journal_id: str, sent_us: int) -> None:
        """Note that a canary was committed just now."""
        if journal_id in self._by_journal:
            self._by_journal[journal_id].append(_Canary(sent_us / 1_000_000, self._clock()))

    def age_seconds(self, *, read_at: float) -> float:
        """Return the age of the last that has come through, of the journal that is the latest.

        Args:
            read_at: when the last reading of the log began that has succeeded, by the
                monotonic clock.
        """
        through = [
            max((each.sent for each in canaries if each.committed <= read_at), default=0.0)
            for canaries in self._by_journal.values()
        ]
        return max(0.0, self._wall_clock() - min(through)) if through else 0.0
