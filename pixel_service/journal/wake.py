"""Tells the reader of journals, in another process, that there is something to read.

A named pipe beside the journals: an octet in it means "look". It is only a hint; readers
look from time to time anyway, so that nothing is lost when one is.
"""

import asyncio
import contextlib
import os
import stat
from pathlib import Path
from typing import Final

_OCTET: Final = b"\0"
_MOST_AT_ONCE: Final = 65_536


def _open(path: Path) -> int | None:
    """Open the pipe at *path*, and make it if needed; None where there can be none."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # For both ways, so that neither end depends on the other one's being there.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


class Waker:
    """The end that tells."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)

    def wake(self) -> None:
        """Say that there is something to read; never waits, never fails."""
        if self._descriptor is not None:
            # A full pipe says it already.
            with contextlib.suppress(OSError):
                os.write(self._descriptor, _OCTET)

    def close(self) -> None:
        """Close the pipe."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


class Alarm:
    """The end that is told."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._descriptor is not None:
            self._loop.add_reader(self._descriptor, self._on_octets)

    def _on_octets(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.read(self._descriptor, _MOST_AT_ONCE)
        self._event.set()

    def ring(self) -> None:
        """Tell ourselves."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return when there may be something to read, after *seconds* at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()

    def close(self) -> None:
        """Close the pipe."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
