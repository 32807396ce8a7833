"""Counts opens for statistics, beside everything else that is done with the log."""

import asyncio
import dataclasses
from typing import Final

from pixel_service.errors import PixelError
from pixel_service.open_log import OpenLog, Position
from service_runtime.outage import Outage

# Between looks at the log.  What gathers meanwhile is counted in few transactions.
_INTERVAL_SECONDS: Final = 0.5

# How long a process leaves the counting to another one that was seen to count: two at once
# would each do the work, and one of them for nothing.
_STAND_BY_SECONDS: Final = 5.0


@dataclasses.dataclass(slots=True, kw_only=True)
class Counting:
    """Keeps the statistics of a log up, one process of those that share it."""

    open_log: OpenLog
    interval_seconds: float = _INTERVAL_SECONDS
    stand_by_seconds: float = _STAND_BY_SECONDS
    _left_at: Position | None = dataclasses.field(default=None, init=False)
    """Up to where opens were counted when this process last looked."""

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
            async for _ in statistics.count():
                pass
            counted = await statistics.counted()
        self._left_at = counted
        return not is_anothers
