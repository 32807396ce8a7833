"""Appends to the log that nobody waits for longer than a bound."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import structlog

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import OpenLog, OpenRecord

_log = structlog.get_logger()


class TimelyAppends:
    """Appends opens to *log*, and keeps track of those that the log was late with.

    A late append is not cancelled, because nobody could tell what it has done: it may
    still arrive.  Whoever puts its opens elsewhere brings them again; the log skips
    event IDs that it has.
    """

    def __init__(self, log: OpenLog) -> None:
        self._log = log
        self._late: set[asyncio.Task[None]] = set()

    async def append(self, opens: Sequence[OpenRecord], bound: dt.timedelta) -> bool:
        """Append *opens*; return whether the log said within *bound* that it has them."""
        task = asyncio.create_task(self._log.append(opens))
        try:
            await asyncio.wait({task}, timeout=bound.total_seconds())
        finally:
            if not task.done():
                self._late.add(task)
                task.add_done_callback(self._forget)
        return task.done() and _is_success(task)

    async def wait_for_late(self, bound: dt.timedelta) -> bool:
        """Wait for late appends no longer than *bound*; return whether none is left."""
        if self._late:
            await asyncio.wait(self._late, timeout=bound.total_seconds())
        return not self._late

    async def cancel_late(self) -> None:
        """Give up late appends, at the end of all."""
        late = set(self._late)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._late.discard(task)
        _is_success(task)


def _is_success(task: asyncio.Task[None]) -> bool:
    """Say whether *task* ended well; log what is not the log's own word for its absence."""
    if task.cancelled():
        return False
    error = task.exception()
    if error is not None and not isinstance(error, LogUnavailable):
        _log.error("append failed", cause=type(error).__name__, exc_info=error)
    return error is None
