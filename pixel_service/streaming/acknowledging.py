"""How much of a subscription may be on its way, and what its client has acknowledged.

A window that was full is not refilled for every small acknowledgement: if it were, each
would let one batch as small follow, for ever.  That is TCP's silly window syndrome, and
the rule against it is TCP's too (RFC 9293, section 3.8.6.2): wait until a worthwhile
share is free, though not for ever.
"""

import asyncio
import collections
import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import BEGINNING, Position, Session, SubscriptionStore
from service_runtime.background import running
from service_runtime.backoff import Backoff

# The share of a window that is worthwhile, unless it is more than a batch may hold.
_WORTHWHILE_SHARE: Final = 0.5

# How long that is waited for: a client may be unable to acknowledge more before it gets
# more.  The RFC's range is 0.1 to 1 s.
_OVERRIDE_SECONDS: Final = 1.0

# While the storage is away; the stream ends when that lasts.
_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=1)


class Window:
    """Counts notifications that were sent and not acknowledged."""

    def __init__(
        self,
        max_outstanding: int,
        *,
        max_batch_size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_outstanding = max_outstanding
        self._worthwhile = max(1, min(max_batch_size, int(max_outstanding * _WORTHWHILE_SHARE)))
        self._clock = clock
        # At most as many as may be outstanding: every element has at least one.
        self._sent: collections.deque[tuple[Position, int]] = collections.deque()
        self._outstanding = 0
        self._acknowledged = BEGINNING
        self._was_full = False
        self.opens_at: float | None = None
        """When a window that was full opens, however little of it is free by then; None if
        nothing is, or enough."""

    @property
    def room(self) -> int:
        """How many may be sent now."""
        free = max(0, self._max_outstanding - self._outstanding)
        if not self._was_full or free >= self._worthwhile:
            return free
        is_overdue = self.opens_at is not None and self._clock() >= self.opens_at
        return free if is_overdue else 0

    def sent(self, notifications: int, *, after: Position) -> None:
        """Count a batch of *notifications* whose cursor is *after*."""
        # A client may acknowledge what it has not got yet: that is not outstanding.
        if after > self._acknowledged:
            self._sent.append((after, notifications))
            self._outstanding += notifications
        self._was_full = self._outstanding >= self._max_outstanding
        self.opens_at = None

    def acknowledged(self, up_to: Position) -> None:
        """Take batches up to *up_to* as arrived."""
        self._acknowledged = max(self._acknowledged, up_to)
        while self._sent and self._sent[0][0] <= up_to:
            self._outstanding -= self._sent.popleft()[1]
            if self._was_full and self.opens_at is None:
                self.opens_at = self._clock() + _OVERRIDE_SECONDS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledging:
    """What a subscription adds to a stream."""

    window: Window
    watch: asyncio.Task[None]
    """Keeps the window up to date; ends when the stream must."""


@contextlib.asynccontextmanager
async def watching_acknowledgements(
    store: SubscriptionStore, session: Session, *, window: Window, wake: asyncio.Event
) -> AsyncIterator[Acknowledging]:
    """Follow the acknowledgements of *session* inside the block.

    Sets *wake* at each, and when the session has ended.
    """
    async with running(_follow(store, session, window, wake)) as watch:
        watch.add_done_callback(lambda _: wake.set())
        yield Acknowledging(window=window, watch=watch)


async def _follow(
    store: SubscriptionStore, session: Session, window: Window, wake: asyncio.Event
) -> None:
    """Follow until the session ends.

    Raises:
        SubscriptionTakenOver: by a newer stream, or a seek.
        SubscriptionNotFound: the subscription was deleted.
    """
    backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
    acknowledged = session.subscription.acknowledged
    while True:
        try:
            acknowledged = await store.wait_for_acknowledgement(session, beyond=acknowledged)
        except LogUnavailable:
            await backoff.pause()
            continue
        backoff.reset()
        window.acknowledged(acknowledged)
        wake.set()
