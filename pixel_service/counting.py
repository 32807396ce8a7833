"""Counts opens for statistics, beside everything else that is done with the log."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from typing import Final

from pixel_service.errors import PixelError
from pixel_service.open_log import OpenLog, Position
from service_runtime.outage import Outage

# Between looks at the log.  What gathers meanwhile is counted in few transactions.
_INTERVAL_SECONDS: Final = 0.5

# How long a process leaves the counting to another one that was seen to count: two at once
# would each do the work, and one of them for nothing.
_STAND_BY_SECONDS: Final = 5.0

# Recording that is late has the log to itself for that long: beside counting it takes a third
# longer.  One that is late for ever must not end the counting.
_MAX_YIELD_SECONDS: Final = 600.0


@dataclasses.dataclass(slots=True, kw_only=True)
class Counting:
    """Keeps the statistics of a log up, one process of those that share it."""

    open_log: OpenLog
    is_recording_late: Callable[[], bool] = lambda: False
    interval_seconds: float = _INTERVAL_SECONDS
    stand_by_seconds: float = _STAND_BY_SECONDS
    _left_at: Position | None = dataclasses.field(default=None, init=False)
    """Up to where opens were counted when this process last looked."""
    _late_since: float | None = dataclasses.field(default=None, init=False)

    async def count(self) -> None:
        """Count what is recorded, again and again."""
        outage = Outage("opens not counted", "opens counted again")
        while True:
            try:
                if await self.count_once():
                    await self.open_log.wait_for_news(after=self._left_at or Position(0, 0))
                else:
                    await asyncio.sleep(self.stand_by_seconds)
                outage.worked()
            except PixelError as error:
                outage.failed(error=type(error).__name__)
            await asyncio.sleep(self.interval_seconds)

    async def count_once(self) -> bool:
        """Count everything that is there, unless another process has counted since; return that.

        Raises:
            LogUnavailable: the log does not answer.
        """
        statistics = self.open_log.statistics
        counted = await statistics.counted()
        is_anothers = self._left_at not in (None, counted)
        if not is_anothers:
            await self._yield_to_recording()
            async for _ in statistics.count():
                await self._yield_to_recording()
            counted = await statistics.counted()
        self._left_at = counted
        return not is_anothers

    async def _yield_to_recording(self) -> None:
        """Wait until recording is not late any more, ten minutes at most."""
        while self.is_recording_late():
            now = time.monotonic()
            if self._late_since is None:
                self._late_since = now
            if now - self._late_since > _MAX_YIELD_SECONDS:
                return
            await asyncio.sleep(self.interval_seconds)
        self._late_since = None
