"""What a journal needs beside being written: its disk's room watched, its segments renewed."""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from pixel_service.journal.disk import Disk
from pixel_service.journal.segment import rotation_request
from pixel_service.journal.segment_writer import SegmentWriter
from pixel_service.journal.wake import Waker
from service_runtime.outage import Outage

# How often the disk's room and requests for a new segment are looked at.
_LOOK_SECONDS: Final = 0.5

# For how long a segment that is not full is written: what it holds leaves the journal
# with it, and must not stay longer than the log keeps it.
_MAX_SEGMENT_AGE: Final = dt.timedelta(hours=1)


class Upkeep:
    """Looks after the journal in *folder*, which *segments* writes."""

    def __init__(
        self,
        folder: Path,
        segments: SegmentWriter,
        *,
        disk: Disk,
        waker: Waker,
        min_free_octets: int,
        in_writer: Callable[[Callable[[], None]], None],
    ) -> None:
        """*in_writer* has something done in the thread that writes."""
        self._folder = folder
        self._segments = segments
        self._disk = disk
        self._waker = waker
        self._min_free_octets = min_free_octets
        self._in_writer = in_writer
        # Asked for with every look, twice a second.
        self._rotation = Outage(
            "journal begins no new segment", "journal begins new segments again"
        )
        self.octets = 0
        """Size of the journal's segments."""
        self.free_octets = min_free_octets
        """What the disk still takes."""
        self._append_rest: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)

    @property
    def has_room(self) -> bool:
        """Whether the disk takes enough."""
        return self.free_octets >= self._min_free_octets

    def before_rotation(self, append_rest: Callable[[], Awaitable[None]]) -> None:
        """Have *append_rest* append what waits elsewhere, before a segment is left."""
        self._append_rest = append_rest

    async def look_after(self) -> None:
        """Look, for ever."""
        while True:
            if await asyncio.to_thread(self._look):
                await self._append_rest()
                self._in_writer(self._rotate)
            await asyncio.sleep(_LOOK_SECONDS)

    def _look(self) -> bool:
        """Return whether the segment is to be left."""
        self.octets = self._segments.octets()
        self.free_octets = self._disk.free_octets(self._folder)
        return self._is_due()

    def _is_due(self) -> bool:
        begun = self._segments.begun
        is_old = begun is not None and time.monotonic() - begun >= _MAX_SEGMENT_AGE.total_seconds()
        return is_old or rotation_request(self._folder).exists()

    def _rotate(self) -> None:
        # While the disk hung, this was asked for with every look.
        if not self._is_due():
            return
        try:
            self._segments.rotate()
            rotation_request(self._folder).unlink(missing_ok=True)
        except OSError as error:
            self._rotation.failed(cause=type(error).__name__)
            return
        self._rotation.worked()
        self._waker.wake()
