"""The sessions whose streams this process serves: says that it lives, and how they end."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa
import structlog

from pixel_service.errors import LogUnavailable, SubscriptionNotFound, SubscriptionPaused
from pixel_service.open_log.sql import stream_statements
from service_runtime.background import kept_running

Answer = TypeVar("Answer")

# A third of what `LEASE_US` allows.  One row of the process, however many its streams.
RENEW_SECONDS: Final = 10.0

_OWNER_OCTETS: Final = 16

# Unguessable, so that no stream acknowledges for another by accident.
_TOKEN_OCTETS: Final = 16

logger = structlog.get_logger()


class Writes(Protocol):
    """What this needs of the database."""

    def __call__(self, function: Callable[[sa.Connection], Answer], /) -> Awaitable[Answer]:
        """Return what *function* does to the database, durably."""


class LiveSessions:
    """Writes a row every ten seconds while there are any, and one for each end.

    Ends that come together share a commit.  One that cannot be written is found out by
    others all the same, as that of a process that was killed.
    """

    def __init__(self, execute: Writes) -> None:
        self._execute = execute
        self.owner = secrets.token_hex(_OWNER_OCTETS)
        # Bounded as the streams of a process are.
        self._tokens: set[str] = set()
        self._are_there = asyncio.Event()
        self._renewed_at = -RENEW_SECONDS
        self._renewing = asyncio.Lock()
        self._ends: list[stream_statements.End] = []
        self._writing: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Be known to live, and have written all ends, before a session begins.

        Raises:
            LogUnavailable: the log does not answer.
        """
        async with self._renewing:
            if time.monotonic() - self._renewed_at >= RENEW_SECONDS:
                await self._renew()
        await self.written()

    @contextlib.contextmanager
    def beginning(self, subscription_id: str) -> Iterator[str]:
        """Begin a session in the block, with the token that this yields.

        It has begun, and ended, also if the block is left before it knows that.
        """
        token = secrets.token_hex(_TOKEN_OCTETS)
        self._tokens.add(token)
        self._are_there.set()
        try:
            yield token
        except (SubscriptionNotFound, SubscriptionPaused):
            self._forget(token)
            raise
        except LogUnavailable as error:
            self.ended(subscription_id, token, code="UNAVAILABLE", reason=error.reason)
            raise
        except BaseException:
            self.ended(subscription_id, token, code="CANCELLED", reason="")
            raise

    def _forget(self, token: str) -> None:
        self._tokens.discard(token)
        if not self._tokens:
            self._are_there.clear()

    def ended(self, subscription_id: str, token: str, *, code: str, reason: str) -> None:
        """Have it written down how a session's stream has ended, soon."""
        if token not in self._tokens:
            return
        self._forget(token)
        self._ends.append((subscription_id, token, code, reason))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def written(self) -> None:
        """Wait until no end waits to be written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Say again and again beside the block that this process lives."""
        async with kept_running("streams of subscriptions", self._live):
            try:
                yield
            finally:
                await self.written()

    async def _live(self) -> None:
        while True:
            await self._are_there.wait()
            await asyncio.sleep(RENEW_SECONDS)
            # Its streams go on without the database, and are known again after that.
            with contextlib.suppress(LogUnavailable):
                await self._renew()

    async def _renew(self) -> None:
        await self._execute(partial(stream_statements.renew, owner=self.owner))
        self._renewed_at = time.monotonic()

    async def _write(self) -> None:
        """Write what waits, and what comes meanwhile, until nothing waits."""
        try:
            while self._ends:
                ends, self._ends = self._ends, []
                try:
                    await self._execute(
                        partial(stream_statements.end_sessions, ends=ends, owner=self.owner)
                    )
                except Exception as error:  # noqa: BLE001 - nobody waits for it; it is found out
                    logger.warning(
                        "ends of streams not kept", streams=len(ends), error=type(error).__name__
                    )
        finally:
            self._writing = None
