"""How long to wait between attempts at something that fails for a while."""

import asyncio
import datetime as dt
import random
import time
from typing import Final

# After a minute without trouble the next failure is a new one.
HEALTHY: Final = dt.timedelta(minutes=1)


class Backoff:
    """Waits that double from *shortest* to *longest*, each drawn from its upper half.

    Drawn, so that processes that lost one database do not come back to it together.
    They begin with the shortest again after an attempt that has succeeded, or has gone
    well for *healthy*.
    """

    def __init__(
        self, *, shortest: dt.timedelta, longest: dt.timedelta, healthy: dt.timedelta = HEALTHY
    ) -> None:
        self._shortest_seconds = shortest.total_seconds()
        self._longest_seconds = longest.total_seconds()
        self._healthy_seconds = healthy.total_seconds()
        self._ceiling_seconds = self._shortest_seconds
        self._began = time.monotonic()

    def reset(self) -> None:
        """Note that an attempt has succeeded."""
        self._ceiling_seconds = self._shortest_seconds

    def begin(self) -> None:
        """Note that an attempt begins whose length says whether it went well."""
        self._began = time.monotonic()

    def next_seconds(self) -> float:
        """Return how long to wait after the attempt that has failed now."""
        if time.monotonic() - self._began >= self._healthy_seconds:
            self.reset()
        self.begin()
        ceiling = self._ceiling_seconds
        self._ceiling_seconds = min(2 * ceiling, self._longest_seconds)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - no secret depends on it

    async def pause(self) -> None:
        """Wait for as long."""
        await asyncio.sleep(self.next_seconds())
