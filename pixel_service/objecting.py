"""Keeps recording in line with the objections that there are."""

import asyncio
import datetime as dt
from typing import Final

from pixel_service.errors import PixelError
from pixel_service.open_log import ObjectionStore
from pixel_service.recording import Objected
from service_runtime.outage import Outage

# How often the database is asked what other machines have taken: a look at one row.
_INTERVAL: Final = dt.timedelta(milliseconds=500)


class Objecting:
    """Tells *objected* what is in *store*."""

    def __init__(self, *, store: ObjectionStore, objected: Objected) -> None:
        self._store = store
        self._objected = objected
        self._change: int | None = None
        # One look at a time: what one has read may be older than what another has.
        self._turn = asyncio.Lock()

    async def look(self) -> None:
        """Take over what has changed.

        Raises:
            LogUnavailable: the log does not answer.
        """
        async with self._turn:
            found = await self._store.keys(unless_change=self._change)
            if found is not None:
                self._objected.replace(found.keys)
                self._change = found.change

    async def follow(self) -> None:
        """Look again and again, for ever."""
        outage = Outage("objections not looked at", "objections looked at again")
        while True:
            await asyncio.sleep(_INTERVAL.total_seconds())
            try:
                await self.look()
                outage.worked()
            except PixelError as error:
                outage.failed(error=type(error).__name__)
