"""Has what can wait go on as often as the process has time for: deliveries, searches."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

# A loop that is so late has others to serve: recording, streams.  A delivery takes a tenth.
_LATE_SECONDS: Final = 0.005

# Between two turns: none while there is time, and at most so much that
# those who wait longest get on.
_FIRST_PAUSE_SECONDS: Final = 0.001
_LONGEST_PAUSE_SECONDS: Final = 0.01

# Slower at once, and faster again little by little.
_SLOWER: Final = 2.0
_FASTER: Final = 0.98


class Pace:
    """Gives turns, one after the other in the order in which they are asked for."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self.pause_seconds = 0.0
        """Between two turns, at present."""
        self.is_over = False

    def end(self) -> None:
        """Let everybody go on who waits: nothing more is done."""
        self.is_over = True

    async def turn(self) -> None:
        """Wait for a turn."""
        async with self._turn:
            if self.is_over:
                return
            pause = self.pause_seconds
            began = self._clock()
            await self._sleep(pause)
            if self._clock() - began - pause > _LATE_SECONDS:
                longer = max(pause * _SLOWER, _FIRST_PAUSE_SECONDS)
                self.pause_seconds = min(longer, _LONGEST_PAUSE_SECONDS)
            else:
                shorter = pause * _FASTER
                self.pause_seconds = shorter if shorter >= _FIRST_PAUSE_SECONDS else 0.0
