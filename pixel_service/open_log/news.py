"""Wakes readers when the log has grown."""

import asyncio
from typing import Final

from pixel_service.open_log.values import BEGINNING, Position

# Nobody needs a longer wait: streams send heartbeats meanwhile.
MAX_WAIT_SECONDS: Final = 30.0


class News:
    """The newest position that this process knows of, and those who wait for a newer one.

    Waiters share one event per round, so waking a thousand readers is one call.
    """

    def __init__(self) -> None:
        self.head = BEGINNING
        self._event = asyncio.Event()

    def advance(self, head: Position) -> None:
        """Say that the log reaches to *head* at least; wake all who wait for it."""
        if head > self.head:
            self.head = head
            self._event.set()
            self._event = asyncio.Event()

    async def wait_beyond(self, position: Position, *, seconds: float = MAX_WAIT_SECONDS) -> None:
        """Return when the log reaches beyond *position*, or after *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                while self.head <= position:
                    await self._event.wait()
        except TimeoutError:
            return
