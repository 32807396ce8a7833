"""Follows the visible head of a log on PostgreSQL, and wakes the readers of this process."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pixel_service.errors import LogUnavailable
from pixel_service.open_log.news import News
from pixel_service.open_log.postgres.pool import Pool
from pixel_service.open_log.values import Position
from service_runtime.backoff import Backoff

CHANNEL: Final = "emailopens_opens"

# The safety net for when a notification is lost.
_POLL_SECONDS: Final = 1.0

# While opens that were announced are hidden by a transaction that still runs: mostly for
# a few milliseconds, at worst for minutes.
_MIN_HIDDEN_SECONDS: Final = 0.002
_MAX_HIDDEN_SECONDS: Final = 0.1

# Our own transactions hide what was committed meanwhile for milliseconds; what hides it
# for that long is somebody else's.
_LONG_HIDDEN: Final = dt.timedelta(seconds=1)

# Between attempts to reach the database.
_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=5)


class HeadFollower:
    """Listens for notifications, asks for the head, and tells *news*."""

    def __init__(self, pool: Pool, news: News, head: Callable[[], Awaitable[Position]]) -> None:
        self._pool = pool
        self._news = news
        self._head = head
        self._told = asyncio.Event()
        self._newest_transaction = 0
        self._hidden_since: dt.datetime | None = None

    @property
    def held_back_since(self) -> dt.datetime | None:
        """Since when committed opens are hidden from readers; None if not for long."""
        since = self._hidden_since
        return since if since and dt.datetime.now(dt.UTC) - since >= _LONG_HIDDEN else None

    def tell(self, transaction: int = 0) -> None:
        """Say that there may be news, written by *transaction* if that is known."""
        self._newest_transaction = max(self._newest_transaction, transaction)
        self._told.set()

    async def follow(self) -> None:
        """Follow for ever; come back after every failure of the database."""
        backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        while True:
            try:
                async with self._pool.driver_connection() as connection:
                    await connection.add_listener(CHANNEL, self._hear)
                    backoff.reset()
                    await self._follow_while_connected(connection)
            except LogUnavailable:
                await backoff.pause()

    async def _follow_while_connected(self, connection: Any) -> None:  # noqa: ANN401 - untyped driver
        hidden_seconds = _MIN_HIDDEN_SECONDS
        while True:
            # Also finds out whether the connection that listens is still alive.
            await connection.fetchval("SELECT 1")
            head = await self._head()
            self._news.advance(head)
            is_hidden = head.transaction < self._newest_transaction
            if not is_hidden:
                self._hidden_since = None
            elif self._hidden_since is None:
                self._hidden_since = dt.datetime.now(dt.UTC)
            hidden_seconds = (
                min(2 * hidden_seconds, _MAX_HIDDEN_SECONDS) if is_hidden else _MIN_HIDDEN_SECONDS
            )
            try:
                async with asyncio.timeout(hidden_seconds if is_hidden else _POLL_SECONDS):
                    await self._told.wait()
            except TimeoutError:
                continue
            self._told.clear()

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self.tell(int(payload) if isinstance(payload, str) and payload.isdecimal() else 0)
