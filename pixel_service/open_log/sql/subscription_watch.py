"""Tells streams what happens to their subscriptions, in this process and in others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from pixel_service.errors import (
    LogUnavailable,
    SubscriptionNotFound,
    SubscriptionPaused,
    SubscriptionTakenOver,
)
from pixel_service.open_log.cursor import encode_cursor
from pixel_service.open_log.subscriptions import Session
from pixel_service.open_log.values import LogIdentity, Position
from service_runtime.background import kept_running

# How often the database is asked what other processes did.  One query of a few
# thousand small rows at most, and only while somebody waits.
POLL_SECONDS: Final = 0.25

Sessions = Sequence[tuple[str, str, int, int, bool]]
"""ID, session token, acknowledged position, and whether a stream has the session."""

Known = tuple[str, Position, bool]
"""The same of one subscription, without its ID."""


class SubscriptionWatch:
    """What is known of all subscriptions, and those who wait for a change."""

    def __init__(self, query: Callable[[], Awaitable[Sessions]], *, identity: LogIdentity) -> None:
        self._query = query
        self._identity = identity
        self._known: dict[str, Known] = {}
        self._changed = asyncio.Event()
        self._waiters = 0
        self._awaited = asyncio.Event()

    def note(self, subscription_id: str, known: Known) -> None:
        """Take over what this process itself has written."""
        self._known[subscription_id] = known
        self._tell()

    def note_acknowledged(self, subscription_id: str, token: str, up_to: Position) -> None:
        """Take over that this process has acknowledged something for a session."""
        known = self._known.get(subscription_id)
        # Of a session that is not known here, nobody waits here.
        if known is not None and known[0] == token:
            self.note(subscription_id, (token, max(known[1], up_to), known[2]))

    def note_deleted(self, subscription_id: str) -> None:
        """Take over that this process has deleted a subscription."""
        self._known.pop(subscription_id, None)
        self._tell()

    async def wait(self, session: Session, *, beyond: Position) -> Position:
        """Return what is acknowledged once it is beyond *beyond*.

        Raises:
            SubscriptionTakenOver: the session was ended by a newer one, or by a seek.
            SubscriptionPaused: its stream was ended by a pause.
            SubscriptionNotFound: the subscription was deleted.
        """
        self._waiters += 1
        self._awaited.set()
        try:
            while True:
                acknowledged = self._acknowledged_of(session)
                if acknowledged > beyond:
                    return acknowledged
                await self._changed.wait()
        finally:
            self._waiters -= 1
            if not self._waiters:
                self._awaited.clear()

    def _acknowledged_of(self, session: Session) -> Position:
        subscription_id = session.subscription.id
        known = self._known.get(subscription_id)
        if known is None:
            raise SubscriptionNotFound(subscription_id)
        token, acknowledged, has_stream = known
        if token != session.token:
            raise SubscriptionTakenOver(
                subscription_id, cursor=encode_cursor(acknowledged, self._identity)
            )
        # Not whether it is paused: it may have been resumed since then.
        if not has_stream:
            raise SubscriptionPaused(
                subscription_id, cursor=encode_cursor(acknowledged, self._identity)
            )
        return acknowledged

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask the database again and again beside the block, while anybody waits."""
        async with kept_running("subscriptions", self._poll):
            yield

    async def _poll(self) -> None:
        while True:
            await self._awaited.wait()
            await asyncio.sleep(POLL_SECONDS)
            before = dict(self._known)
            # Streams go on without the database; they hear of changes after it.
            with contextlib.suppress(LogUnavailable):
                rows = await self._query()
                # A note that came while the query ran is newer than its answer.
                if self._known == before:
                    self._known = {
                        subscription_id: (token, Position(transaction, sequence), has_stream)
                        for subscription_id, token, transaction, sequence, has_stream in rows
                    }
                    if self._known != before:
                        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
