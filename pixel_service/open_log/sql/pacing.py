"""Long work that leaves most of the time to others."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pixel_service.open_log.values import BEGINNING, Position

# Work that goes on for that long has more to do than comes to an end at its share: from
# then on it takes most of the time, as it does while nobody else wants it.
_HURRY_AFTER_SECONDS: Final = 600.0
_LARGE_SHARE: Final = 0.75

# A log into which nothing was recorded for that long is at rest.
_REST_SECONDS: Final = 1.0

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

    async def pause(self, *, is_alone: bool = False) -> None:
        """Pause for as long as the step since the last pause asks for.

        Args:
            is_alone: whether nobody is there to whom the time could be left.
        """
        now = self._clock()
        share = _LARGE_SHARE if is_alone or now > self._hurried_from else self._share
        pause = (now - self._began) * (1 / share - 1)
        await self._sleep(min(pause, _MAX_PAUSE_SECONDS))
        self._began = self._clock()


class Rest:
    """Tells whether a log is at rest, by where it ends at each look."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = BEGINNING
        self._since = clock()

    def has_come(self, end: Position) -> bool:
        """Return whether the log, which ends at *end* now, has done so for a second."""
        now = self._clock()
        if end != self._end:
            self._end, self._since = end, now
        return now - self._since >= _REST_SECONDS
