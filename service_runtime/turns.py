"""Shares the event loop while much is done for one caller."""

import asyncio
import time
from typing import Final

# So long others wait at most, besides for the longest step between two looks at the clock.
_TURN_SECONDS: Final = 0.001


class Turns:
    """The turns that one caller's work takes."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    async def share(self) -> None:
        """Go on; if this turn is over, after everybody else had one."""
        if time.perf_counter() - self._began > _TURN_SECONDS:
            await asyncio.sleep(0)
            self._began = time.perf_counter()
