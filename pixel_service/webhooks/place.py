"""Where a webhook is in the log, and how that is written down."""

import asyncio
import datetime as dt
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import Position, Webhook, WebhookState, WebhookStore
from service_runtime.backoff import Backoff

# How often a place is written that moves: a swift receiver would cost a commit for each event.
# What it has taken since is sent again if this process is killed.
_WRITE_SECONDS: Final = 0.1

# The same of a place that moves over what the webhook does not select: a long log would be
# read again from its beginning by whoever delivers next, and how far it has come not be seen.
_WRITE_PASSED_SECONDS: Final = 5.0

_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=5)


class Place:
    """The place of a webhook that *owner* has leased.

    While the database is away, what is to be written waits for it, and nothing is sent.
    Every method that writes raises `WebhookLeaseLost` if the lease does not hold, or if
    somebody has changed the webhook.
    """

    def __init__(self, webhook: Webhook, owner: str, store: WebhookStore) -> None:
        self._webhook = webhook
        self._owner = owner
        self._store = store
        self._written = webhook.delivered
        self._written_at = -math.inf
        self._has_delivered = False
        self.position = webhook.delivered

    async def delivered(self, position: Position) -> None:
        """Note that the event at *position* was taken; written down at once, or soon."""
        self.position = position
        self._has_delivered = True
        if time.monotonic() - self._written_at >= _WRITE_SECONDS:
            await self.write()

    async def passed_over(self, position: Position) -> None:
        """Note that nothing up to *position* is to be sent; written down now and then."""
        self.position = max(self.position, position)
        if time.monotonic() - self._written_at >= _WRITE_PASSED_SECONDS:
            await self.write()

    async def write(self) -> None:
        """Write down where it is, if that is not written."""
        if self.position == self._written:
            return
        write = self._store.delivered if self._has_delivered else self._store.passed_over
        await self._until_written(lambda: write(self._webhook, self._owner, up_to=self.position))
        self._note_written(self.position)

    async def failed(self, *, error: str, attempts: int, next_attempt_time: dt.datetime) -> None:
        """Write down that the next event was tried *attempts* times without success."""
        await self.write()
        await self._until_written(
            lambda: self._store.failed(
                self._webhook,
                self._owner,
                error=error,
                attempts=attempts,
                next_attempt_time=next_attempt_time,
            )
        )

    async def skip(self, position: Position, *, event_id: str, error: str) -> None:
        """List the event at *position* as skipped, and go on after it."""
        await self.write()
        await self._until_written(
            lambda: self._store.skip(
                self._webhook,
                self._owner,
                event_id=event_id,
                before=self.position,
                up_to=position,
                error=error,
            )
        )
        self._note_written(position)

    async def pause(self, state: WebhookState, *, error: str) -> None:
        """Pause the webhook where it is."""
        await self.write()
        await self._until_written(
            lambda: self._store.paused(self._webhook, self._owner, state=state, error=error)
        )

    async def fall_behind(self, earliest: Position) -> None:
        """Go on at *earliest*: retention has removed opens that were not delivered."""
        await self._until_written(
            lambda: self._store.fell_behind(self._webhook, self._owner, to=earliest)
        )
        self._note_written(earliest)

    def _note_written(self, position: Position) -> None:
        self.position = self._written = position
        self._written_at = time.monotonic()
        self._has_delivered = False

    async def _until_written(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write, however long the log is away: receivers have answered, and are not asked twice."""
        backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        while True:
            try:
                await write()
            except LogUnavailable:
                await asyncio.sleep(backoff.next_seconds())
            else:
                return
