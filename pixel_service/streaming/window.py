"""How much of a subscription may be on its way."""

import collections

from pixel_service.open_log import Position


class Window:
    """Counts notifications that were sent and not acknowledged."""

    def __init__(self, max_outstanding: int) -> None:
        self._max_outstanding = max_outstanding
        # At most as many as may be outstanding: every element has at least one.
        self._sent: collections.deque[tuple[Position, int]] = collections.deque()
        self._outstanding = 0

    @property
    def room(self) -> int:
        """How many more may be sent."""
        return max(0, self._max_outstanding - self._outstanding)

    def sent(self, notifications: int, *, after: Position) -> None:
        """Count a batch of *notifications* whose cursor is *after*."""
        self._sent.append((after, notifications))
        self._outstanding += notifications

    def acknowledged(self, up_to: Position) -> None:
        """Take batches up to *up_to* as arrived."""
        while self._sent and self._sent[0][0] <= up_to:
            self._outstanding -= self._sent.popleft()[1]
