"""One stream of opens: replay, then follow, as `PixelService.StreamOpens` promises.

A stream is a position in the log and no more. It has no queue that something else
fills, so a slow reader costs a page of memory and disturbs nobody.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import random
import time
from typing import Final

from pixel_service.open_log import Notifications, OpenLog, Page, Position, encode_cursor
from pixel_service.streaming.acknowledging import Acknowledging
from pixel_service.streaming.events import Batch, DrainNotice, Heartbeat, Send
from pixel_service.streaming.selection import Selection, selected
from pixel_service.streaming.tail import Tail
from service_runtime.drain import Drain
from service_runtime.errors import Draining

MAX_BATCH_NOTIFICATIONS: Final = 1_000

# A write to a reader that does not read blocks after 4 to 7 MB in flight; a batch
# well below that lets a stream notice.
MAX_BATCH_OCTETS: Final = 1024 * 1024

# What is read at least for a selection that may match little of it.
_MIN_SELECTIVE_READ: Final = 256

# Shares of the grace of a drain. Streams do not end all at once, so that those who
# call again come one after the other; and not at the last moment.
_EARLIEST_END: Final = 0.1
_LATEST_END: Final = 0.7


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """What a client asked for."""

    selection: Selection
    max_batch_size: int
    heartbeat_interval: dt.timedelta
    stop_at: Position | None = None
    """Where to end; None to go on for ever."""


class LogStream:
    """Sends what follows a position, until something ends it."""

    def __init__(
        self,
        *,
        open_log: OpenLog,
        tail: Tail,
        drain: Drain,
        wake: asyncio.Event,
        send: Send,
        start: Position,
        options: StreamOptions,
        acknowledging: Acknowledging | None = None,
    ) -> None:
        self._log = open_log
        self._tail = tail
        self._tail_generation = tail.generation
        self._drain = drain
        self._wake = wake
        self._send_event = send
        self._options = options
        self._acknowledging = acknowledging
        self.position = start
        self._is_at_head = False
        self._is_waiting = False
        self._ends_at: float | None = None
        self._sent_at = time.monotonic()

    async def run(self) -> None:
        """Send until the end that was asked for.

        Raises:
            PixelError: whatever else ends the stream.
        """
        while not self._is_done():
            # Cleared before looking, so that what happens while looking is seen.
            self._wake.clear()
            self._raise_if_ended()
            await self._announce_drain()
            await self._send_next()
            await self._send_heartbeat_if_due()
            if (self._is_at_head or self._is_waiting) and not self._is_done():
                await self._pause()

    def _is_done(self) -> bool:
        stop_at = self._options.stop_at
        return stop_at is not None and self.position >= stop_at

    def _raise_if_ended(self) -> None:
        if self._tail.failure is not None:
            raise self._tail.failure
        if self._acknowledging is not None and self._acknowledging.watch.done():
            self._acknowledging.watch.result()
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            raise Draining(metadata={"cursor": self.cursor})

    @property
    def cursor(self) -> str:
        """Everything up to here was sent or does not match."""
        return encode_cursor(self.position, self._log.identity)

    async def _announce_drain(self) -> None:
        if self._ends_at is not None or not self._drain.is_draining:
            return
        share = random.uniform(_EARLIEST_END, _LATEST_END)  # noqa: S311 - no secret depends on it
        time_left = self._drain.grace * share
        self._ends_at = time.monotonic() + time_left.total_seconds()
        await self._send_event(DrainNotice(after=self.position, time_left=time_left))

    async def _send_next(self) -> None:
        limit = self._options.max_batch_size
        if self._acknowledging is not None:
            limit = min(limit, self._acknowledging.window.room)
        self._is_waiting = limit == 0
        if self._is_waiting:
            return
        found = await self._read(limit)
        if found.octets:
            if self._acknowledging is not None:
                self._acknowledging.window.sent(len(found.octets), after=found.after)
            await self._send_event(Batch(notifications=found.octets, after=found.after))
            self._sent_at = time.monotonic()
        self.position = found.after
        self._is_at_head = found.at_head

    async def _read(self, limit: int) -> Notifications:
        """Return what matches, no more than *limit*."""
        selection = self._options.selection
        to_read = limit if selection.is_everything else max(limit, _MIN_SELECTIVE_READ)
        page = self._read_tail(to_read)
        if page is None and selection.is_everything:
            return await self._log.read_notifications(
                after=self.position, max_entries=limit, max_octets=MAX_BATCH_OCTETS
            )
        if page is None:
            page = await self._log.read(
                after=self.position, max_entries=to_read, max_octets=MAX_BATCH_OCTETS
            )
        return selected(page, selection, limit=limit).notifications

    def _read_tail(self, limit: int) -> Page | None:
        page = None
        if self._tail_generation == self._tail.generation:
            page = self._tail.read(
                after=self.position, max_entries=limit, max_octets=MAX_BATCH_OCTETS
            )
        self._tail_generation = self._tail.generation
        return page

    async def _send_heartbeat_if_due(self) -> None:
        if time.monotonic() < self._heartbeat_at():
            return
        held_back_since = self._log.held_back_since
        is_at_end = self._is_at_head and self.position >= self._tail.end
        await self._send_event(
            Heartbeat(
                after=self.position,
                caught_up=is_at_end and held_back_since is None,
                lag=0 if is_at_end else await self._log.lag(self.position),
                is_waiting=self._is_waiting,
                held_back_since=held_back_since,
            )
        )
        self._sent_at = time.monotonic()

    def _heartbeat_at(self) -> float:
        return self._sent_at + self._options.heartbeat_interval.total_seconds()

    @property
    def _window_opens_at(self) -> float | None:
        return None if self._acknowledging is None else self._acknowledging.window.opens_at

    async def _pause(self) -> None:
        """Wait until something has happened or is due."""
        until = self._heartbeat_at()
        if self._ends_at is not None:
            until = min(until, self._ends_at)
        if self._is_waiting and self._window_opens_at is not None:
            until = min(until, self._window_opens_at)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                await self._wake.wait()
