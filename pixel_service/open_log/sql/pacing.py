"""Long work that leaves most of the time to others."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

# Work that goes on for that long has more to do than comes to an end at its share: from
# then on it takes most of the time.
_HURRY_AFTER_SECONDS: Final = 600.0
_HURRIED_SHARE: Final = 0.75

# However long a step took: on a disk that stalls, the next one must not wait for ever.
_MAX_PAUSE_SECONDS: Final = 1.0


class Pace:
    """Makes steps take a share of the time, by pausing after each.

    After ten minutes they take three quarters: others are felt to wait then, but work that
    never catches up would be worse.
    """

    def __init__(
        self,
        *,
        share: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._share = share
        self._clock = clock
        self._sleep = sleep
        self._hurried_from = clock() + _HURRY_AFTER_SECONDS
        self._began = clock()

    async def pause(self) -> None:
        """Pause for as long as the step since the last pause asks for."""
        now = self._clock()
        share = _HURRIED_SHARE if now > self._hurried_from else self._share
        pause = (now - self._began) * (1 / share - 1)
        await self._sleep(min(pause, _MAX_PAUSE_SECONDS))
        self._began = self._clock()
