"""How opens of one message are numbered and grouped into bursts.  Pure: no storage.

An open is of a message (its key and the configuration) and comes from a source.  Either
may be unknown.

1. Opens of one message are numbered 1, 2, 3 in the order of the log.  No number is given
   twice, and none is left out, however many processes append.
2. A burst is what one source fetches of one message within the window, counted from the
   burst's first open; before it, too, because opens need not arrive in the order of their
   times.  Bursts of a message are numbered as its opens are.
3. An open without a message has the number 0 and the burst 0.  One without a source
   begins a burst that no other joins.
4. Two counts are all that numbering needs: the next open is `opens + 1`, a new burst is
   `bursts + 1`.  They change in the transaction that writes the opens, so that a write
   which fails leaves no gap.
5. Which bursts are under way is known in memory alone, because a source is never written.
   So a restart splits a burst, and two processes never share one.
6. Memory may be ahead of the log: after a write that failed, or when a message was erased.
   A remembered burst beyond the stored count is not there; the open begins a new one.
7. A message's counts go with its last open, when retention removes that, and with the
   first of its opens that is erased.  The next open is number 1 then.

Rule 4 is kept in different ways.  SQLite has one writer, which holds the newest counts in
memory: `sqlite/counts.py`.  On PostgreSQL several processes write, so the database
counts, and a batch is numbered from what it answers: `postgres/numbering_plan.py`.
"""

import collections
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from pixel_service.open_log.values import OpenRecord

# A proxy that fetches the parts of a message twice does so within this time.
DEFAULT_BURST_WINDOW: Final = dt.timedelta(seconds=2)

# Bursts that are remembered: at most one per open within the window, so this holds
# 10,000 opens a second.  About 300 octets each.
MAX_BURSTS: Final = 20_000

# Distinct (open number, burst) pairs whose octets are kept: nearly all opens share
# a few dozen.
_MAX_SUFFIXES: Final = 4_096

MessageOf: TypeAlias = tuple[bytes, str]
"""Message key and configuration: what opens are numbered by."""


# Number and start.  A plain tuple, and its key is one, too: the garbage collector does
# not look into those again, and with tens of thousands of anything else it stops the
# process for tens of milliseconds.
_Burst: TypeAlias = tuple[int, dt.datetime]

_Source: TypeAlias = tuple[bytes | None, str, bytes | None]


class Counts(NamedTuple):
    """How many opens and bursts of a message there are."""

    opens: int
    bursts: int


class Numbers(NamedTuple):
    """What one open is given.  Both are 0 if its message is not known."""

    open_number: int
    burst: int


UNKNOWN: Final = Numbers(0, 0)

NEVER_OPENED: Final = Counts(0, 0)


class BurstWindow:
    """Remembers which bursts are under way: rule 5."""

    def __init__(
        self, *, window: dt.timedelta = DEFAULT_BURST_WINDOW, max_bursts: int = MAX_BURSTS
    ) -> None:
        self.window = window
        self._max_bursts = max_bursts
        self._bursts: collections.OrderedDict[_Source, _Burst] = collections.OrderedDict()

    def number_of(self, open_: OpenRecord) -> int | None:
        """Return the number of the burst that *open_* belongs to; None if it begins one.

        Rule 2.
        """
        burst = self._bursts.get(_source_of(open_))
        if burst is None:
            return None
        number, start = burst
        return None if abs(open_.open_time - start) > self.window else number

    def remembers(self, open_: OpenRecord) -> bool:
        """Return whether any burst from the source of *open_* is remembered."""
        return _source_of(open_) in self._bursts

    def begin(self, open_: OpenRecord, number: int) -> None:
        """Remember that *open_* begins the burst *number*."""
        if open_.message_key is None or open_.source_key is None:
            return
        key = _source_of(open_)
        self._bursts[key] = (number, open_.open_time)
        self._bursts.move_to_end(key)
        while len(self._bursts) > self._max_bursts:
            self._bursts.popitem(last=False)


def _source_of(open_: OpenRecord) -> _Source:
    """Return what makes fetches one burst.  One without a key is never remembered."""
    return (open_.message_key, open_.configuration_id, open_.source_key)


def number_opens(
    opens: Sequence[OpenRecord], counts: dict[MessageOf, Counts], window: BurstWindow
) -> list[Numbers]:
    """Return the numbers of *opens*, in their order, and bring *counts* up to date.

    *counts* says what there was before, for the messages that are known.
    """
    numbers = []
    for open_ in opens:
        if open_.message_key is None:
            numbers.append(UNKNOWN)  # rule 3
            continue
        message = (open_.message_key, open_.configuration_id)
        before = counts.get(message, NEVER_OPENED)
        burst = window.number_of(open_)
        bursts = before.bursts
        # Rule 6.
        if burst is None or burst > bursts:
            burst = bursts = before.bursts + 1
            window.begin(open_, burst)
        after = Counts(before.opens + 1, bursts)
        counts[message] = after
        numbers.append(Numbers(after.opens, burst))
    return numbers


class Suffixes(dict[Numbers | tuple[int, int], bytes]):
    """The octets that complete a notification, by (open number, burst); made once each."""

    def __init__(self, number_open: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._number_open = number_open

    def __missing__(self, numbers: tuple[int, int]) -> bytes:
        octets = self._number_open(*numbers)
        if len(self) < _MAX_SUFFIXES:
            self[numbers] = octets
        return octets
