"""Opens in memory, when neither the log nor the disk takes them; what does not fit is lost.

Bounded, because a service that runs out of memory loses more.
"""

import collections
import itertools
import time
from collections.abc import Sequence
from typing import Final

import structlog

from pixel_service.open_log import OpenRecord

# A loss is logged at most once in this time.
_LOSS_LOG_SECONDS: Final = 10.0

_log = structlog.get_logger()


class HeldOpens:
    """A queue of at most *max_opens* opens that counts what it could not take."""

    def __init__(self, *, max_opens: int) -> None:
        self._max_opens = max_opens
        self._opens: collections.deque[OpenRecord] = collections.deque()
        self._loss_logged = -_LOSS_LOG_SECONDS
        self.lost = 0
        """Opens lost since the start."""

    def __len__(self) -> int:
        return len(self._opens)

    @property
    def is_full(self) -> bool:
        """Whether the next open is lost."""
        return len(self._opens) >= self._max_opens

    def hold(self, opens: Sequence[OpenRecord]) -> None:
        """Keep those of *opens* that fit; count the others as lost."""
        room = max(0, self._max_opens - len(self._opens))
        self._opens.extend(opens[:room])
        self.count_lost(len(opens[room:]))

    def first(self, count: int) -> Sequence[OpenRecord]:
        """Return the *count* oldest opens, or all."""
        return tuple(itertools.islice(self._opens, count))

    def drop(self, count: int) -> None:
        """Forget the *count* oldest opens: they are durable."""
        for _ in range(count):
            self._opens.popleft()

    def count_lost(self, count: int) -> None:
        """Count *count* opens as lost, and log it, once in an interval."""
        if count <= 0:
            return
        self.lost += count
        if time.monotonic() - self._loss_logged >= _LOSS_LOG_SECONDS:
            self._loss_logged = time.monotonic()
            _log.error("opens lost", lost_opens=self.lost)
