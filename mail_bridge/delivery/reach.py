"""Whether the injector can be reached: asked of calls, and while it is away beside them."""

import asyncio
from typing import Final

from service_runtime.outage import Outage

# Calls in a row that fail before mail no longer waits for it.  One may fail because of its
# message.
_FAILURES: Final = 3


class Reach:
    """Keeps mail from waiting for an injector that is away, each message for its whole deadline."""

    def __init__(self) -> None:
        self.is_away = False
        self._failures = 0
        self._outage = Outage("injector is away, mail goes on untracked", "injector is back")
        self._went_away = asyncio.Event()

    def worked(self) -> None:
        """Note that a call was answered."""
        self._failures = 0
        self._went_away.clear()
        self.is_away = False
        self._outage.worked()

    def failed(self, reason: str) -> None:
        """Note that one was not."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self.away(reason)

    def away(self, reason: str) -> None:
        """Note that it is away for certain."""
        self.is_away = True
        self._went_away.set()
        self._outage.failed(reason=reason)

    async def wait_until_away(self) -> None:
        """Wait until it is away."""
        await self._went_away.wait()
