"""Reads for all deliveries: from memory what is new, and from the log one after the other."""

import asyncio
import contextlib
from typing import Final

from pixel_service.open_log import OpenLog, Page, Position
from pixel_service.streaming import Selection, Tail, selected
from pixel_service.webhooks.pacing import Pace

# What is delivered of one reading: an event takes milliseconds, and each webhook may hold as
# much.
_MAX_ENTRIES: Final = 64
_MAX_OCTETS: Final = 128 * 1024

# What is looked at for it, where not everything is to be delivered: about a millisecond, in
# which the event loop gets nothing done.
_LOOKED_AT_ENTRIES: Final = 250
_LOOKED_AT_OCTETS: Final = 256 * 1024


class Reader:
    """Reads the log for deliveries.  One for all of them.

    Those that are far behind take turns, however many they are, and pause while the event
    loop is late: recording, and those that only send what is new, come first.
    """

    def __init__(self, log: OpenLog, tail: Tail, pace: Pace | None = None) -> None:
        self._log = log
        self._tail = tail
        self._pace = pace or Pace()
        self._turn = asyncio.Lock()

    def followed(self) -> contextlib.AbstractContextManager[None]:
        """Keep in memory what is new, at least until the block ends."""
        return self._tail.needed()

    async def earliest(self) -> Position:
        """Return where the log begins, as `OpenLog.earliest` does."""
        return await self._log.earliest()

    def end(self) -> None:
        """Read nothing more from the log, and let everybody go on who waits for it."""
        self._pace.end()

    async def read(self, *, after: Position, selection: Selection, from_log: bool) -> Page:
        """Return what there is to deliver of what follows *after*: so much, and in its order.

        Args:
            after: the place.
            selection: what is to be delivered.
            from_log: whether to read the log itself: what is erased stays in memory for a
                while.

        Raises:
            CursorExpired, LogUnavailable: see `OpenLog.read`.
        """
        entries, octets = _LOOKED_AT_ENTRIES, _LOOKED_AT_OCTETS
        if selection.is_everything:
            entries, octets = _MAX_ENTRIES, _MAX_OCTETS
        page = None
        if not from_log:
            page = self._tail.read(after=after, max_entries=entries, max_octets=octets)
        if page is None:
            async with self._turn:
                await self._pace.turn()
                if self._pace.is_over:
                    return Page(entries=[], after=after, at_head=False)
                page = await self._log.read(after=after, max_entries=entries, max_octets=octets)
        return selected(page, selection, limit=_MAX_ENTRIES).within(_MAX_OCTETS)
