"""How many fetches of one message are recorded in a time.

Whoever has a message can fetch its pixel a million times; at some 900 octets each that
fills a disk, and takes everybody's oldest opens with it.  Beyond the budget fetches are
counted, and the last of them is recorded with that count when the time is over.  By
message and never by address, because image proxies share addresses.

Lives in memory alone, of each process: what is counted and not yet recorded is lost with
a process that is killed, and counted anew by the next one.
"""

import collections
from typing import Final, Generic, NamedTuple, TypeVar

DEFAULT_MAX_OPENS: Final = 1_000
DEFAULT_WINDOW_SECONDS: Final = 3_600.0

# Fetches of one pixel that many messages share: a newsletter to a million people.
_SHARED_FACTOR: Final = 1_000

# Messages that are remembered, in two halves: about 120 octets each. Of octets and numbers
# alone, so that the garbage collector does not look into them.
_MAX_MESSAGES: Final = 200_000

# Messages that are beyond their budget at once, each with its last fetch: about 2 kB.
_MAX_COLLAPSED: Final = 10_000

Open = TypeVar("Open")


class Collapsed(NamedTuple, Generic[Open]):
    """Fetches of one message that are recorded as one."""

    last: Open
    others: int
    """How many there were before it."""


class ReplayBudget(Generic[Open]):
    """Counts fetches by message."""

    def __init__(
        self,
        *,
        max_opens: int = DEFAULT_MAX_OPENS,
        max_messages: int = _MAX_MESSAGES,
        max_collapsed: int = _MAX_COLLAPSED,
    ) -> None:
        self._max_opens = max_opens
        self._max_young = max_messages // 2
        self._max_collapsed = max_collapsed
        # The old half goes when the young one is full; what is fetched again is young.
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        self._collapsed: collections.OrderedDict[bytes, Collapsed[Open]] = collections.OrderedDict()

    def spend(self, key: bytes, *, is_shared: bool) -> bool:
        """Count a fetch of the message *key*; return whether it is within the budget.

        *is_shared* says that many messages have the same pixel.
        """
        young = self._young
        spent = young.get(key)
        if spent is None:
            spent = self._old.get(key, 0)
            if len(young) >= self._max_young:
                self._old = young
                young = self._young = {}
        young[key] = spent + 1
        return spent < (self._max_opens * _SHARED_FACTOR if is_shared else self._max_opens)

    def collapse(self, key: bytes, open_: Open) -> Collapsed[Open] | None:
        """Count *open_* with those of its message that are beyond the budget.

        Returns:
            What has to be recorded now, because there are too many to remember.
        """
        before = self._collapsed.get(key)
        self._collapsed[key] = Collapsed(open_, 0 if before is None else before.others + 1)
        if len(self._collapsed) <= self._max_collapsed:
            return None
        return self._collapsed.popitem(last=False)[1]

    def take_collapsed(self) -> list[Collapsed[Open]]:
        """Return what has to be recorded; it counts as nothing from now on."""
        taken = list(self._collapsed.values())
        self._collapsed.clear()
        return taken

    def begin_window(self) -> None:
        """Give every message its whole budget again."""
        self._young, self._old = {}, {}
