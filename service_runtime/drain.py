"""The planned end of a process: announced first, then awaited."""

import asyncio
import datetime as dt
from typing import Final

# Load balancers and orchestrators send SIGTERM and kill after 30 s by default
# (Kubernetes terminationGracePeriodSeconds); this leaves them room.
DEFAULT_GRACE: Final = dt.timedelta(seconds=5)


class Drain:
    """Says whether the process is about to stop, and for how long it may go on.

    Whatever serves for long (a stream, a background task) watches it and ends
    itself; the servers then stop with nothing cut off.
    """

    def __init__(self, *, grace: dt.timedelta = DEFAULT_GRACE) -> None:
        self.grace = grace
        self._begun = asyncio.Event()

    @property
    def is_draining(self) -> bool:
        """Whether the end was announced."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Announce the end.  Further calls change nothing."""
        self._begun.set()

    async def wait(self) -> None:
        """Wait until the end is announced."""
        await self._begun.wait()
