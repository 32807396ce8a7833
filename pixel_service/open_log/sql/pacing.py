"""Long work that leaves most of the time to others."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

# However long a step took: on a disk that stalls, the next one must not wait for ever.
_MAX_PAUSE_SECONDS: Final = 1.0


class Pace:
    """Makes steps take a share of the time, by pausing after each."""

    def __init__(
        self,
        *,
        share: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pause_per_work = 1 / share - 1
        self._clock = clock
        self._sleep = sleep
        self._began = clock()

    async def pause(self) -> None:
        """Pause for as long as the step since the last pause asks for."""
        worked = self._clock() - self._began
        await self._sleep(min(worked * self._pause_per_work, _MAX_PAUSE_SECONDS))
        self._began = self._clock()
