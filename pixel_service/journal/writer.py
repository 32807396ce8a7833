"""Appends to a journal: one sync for all that came meanwhile.

While one batch is being synced, in a thread, the next one gathers. No timer gathers
more: what gathers is what the event loop has at hand.

A disk that fails, or takes too long, makes nobody wait: what is appended is then held in
memory, up to a limit, and written when the disk takes it again. What does not fit is
lost, and counted.
"""

import asyncio
import collections
import contextlib
import datetime as dt
import itertools
import queue
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from pixel_service.journal.disk import MIN_FREE_OCTETS, Disk
from pixel_service.journal.health import JournalHealth, JournalState
from pixel_service.journal.segment_writer import SegmentWriter
from pixel_service.journal.upkeep import Upkeep
from pixel_service.journal.waiting import Mark, Waiting, release
from pixel_service.journal.wake import Waker
from service_runtime.frames import frames_of

# How much the journal may hold, of one process: four million opens of 1,000 octets.
DEFAULT_MAX_OCTETS: Final = 4 * 1024 * 1024 * 1024

# Of one batch, so that one sync stays short.
_MAX_BATCH: Final = 1_000

# What waits in memory. Of about 1,000 octets each.
DEFAULT_MAX_HELD: Final = 20_000

# How long a sync may take until nobody waits for it. A person does not see half a second
# in a message's last image; a healthy disk takes a hundredth of it.
DEFAULT_PATIENCE: Final = dt.timedelta(milliseconds=500)

# One pass of the loop reads a request, the next one handles it. Together a few
# milliseconds of a busy loop.
_IDLE_PASSES: Final = 2
_MAX_PASSES: Final = 16

# Between attempts on a disk that fails.
_RETRY_SECONDS: Final = 0.25

# At the end, for what still waits.
_LAST_SECONDS: Final = 5.0

# A loss is logged at most once in this time.
_LOSS_LOG_SECONDS: Final = 10.0

logger = structlog.get_logger()


class Journal:
    """One process's journal.  Belongs to the event loop that it is made in."""

    def __init__(
        self,
        folder: Path,
        journal_id: bytes,
        *,
        waker: Waker,
        disk: Disk | None = None,
        max_octets: int = DEFAULT_MAX_OCTETS,
        max_held: int = DEFAULT_MAX_HELD,
        patience: dt.timedelta = DEFAULT_PATIENCE,
        min_free_octets: int = MIN_FREE_OCTETS,
    ) -> None:
        disk = disk or Disk()
        self._segments = SegmentWriter(folder, journal_id, disk=disk, max_octets=max_octets)
        self._waker = waker
        self._max_held = max_held
        self._patience = patience.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._queue: collections.deque[Waiting] = collections.deque()
        self._batch: list[Waiting] = []
        self._is_busy = self._fails = False
        self._watch: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._appended = self._lost = self._lost_said = self._marks = 0
        self._loss_logged = -_LOSS_LOG_SECONDS
        self._upkeep = Upkeep(
            folder,
            self._segments,
            disk=disk,
            waker=waker,
            min_free_octets=min_free_octets,
            in_writer=self._jobs.put,
        )
        self.look_after = self._upkeep.look_after
        self.before_rotation = self._upkeep.before_rotation

    @property
    def health(self) -> JournalHealth:
        """How things stand."""
        held = self._entries_waiting() if self._fails else 0
        state = JournalState.DURABLE
        if self._fails:
            state = JournalState.MEMORY if held < self._max_held else JournalState.LOSING
        return JournalHealth(
            state=state,
            appended=self._appended,
            held=held,
            lost=self._lost,
            octets=self._upkeep.octets,
            free_octets=self._upkeep.free_octets,
            has_room=self._upkeep.has_room,
        )

    def _entries_waiting(self) -> int:
        waiting = itertools.chain(self._batch, self._queue)
        return sum(payload is not None for payload, _ in waiting) - self._marks

    def append(self, payload: bytes) -> "asyncio.Future[None]":
        """Append *payload*; what is returned is done when `append_for` would say so.

        Cancelling it does not take the payload back.
        """
        return self._future_of(payload)

    def sync(self) -> "asyncio.Future[None]":
        """Append nothing; what is returned is done when `append` would be."""
        return self._future_of(None)

    def _future_of(self, payload: bytes | None) -> "asyncio.Future[None]":
        future = self._loop.create_future()
        self.append_for(payload, lambda: None if future.done() else future.set_result(None))
        return future

    def append_for(self, payload: bytes | None, done: Callable[[], None]) -> None:
        """Append *payload*, None: nothing; call *done*, once, when it is durable.

        It is called at once, or after the patience, if the disk fails: `health` says so.
        """
        if payload is not None and len(self._queue) - self._marks >= self._max_held:
            self._lose(1)
            payload = None
        if self._fails:
            if payload is not None:
                self._queue.append((payload, None))
            done()
            return
        self._put(payload, done)

    def append_mark(self, payload: bytes) -> None:
        """Append *payload*, which `health` does not count, unless the disk fails or is behind."""
        if not self._fails and len(self._queue) < self._max_held:
            self._marks += 1
            self._put(Mark(payload), None)

    def _put(self, payload: bytes | None, done: Callable[[], None] | None) -> None:
        self._queue.append((payload, done))
        if not self._is_busy:
            self._is_busy = True
            self._idle.clear()
            self._loop.call_soon(self._gather, 0, 0, 0)

    def _gather(self, before: int, idle_passes: int, passes: int) -> None:
        """Go round with the loop until no more comes, and write then."""
        now = len(self._queue)
        idle_passes = idle_passes + 1 if now == before else 0
        if idle_passes == _IDLE_PASSES or passes == _MAX_PASSES:
            self._begin_batch()
        else:
            self._loop.call_soon(self._gather, now, idle_passes, passes + 1)

    def _begin_batch(self) -> None:
        count = min(len(self._queue), _MAX_BATCH)
        self._batch = [self._queue.popleft() for _ in range(count)]
        payloads = [payload for payload, _ in self._batch if payload is not None]
        self._watch = self._loop.call_later(self._patience, self._lose_patience)
        self._jobs.put(lambda: self._write(payloads))

    def _write(self, payloads: Sequence[bytes]) -> None:
        """Write in the thread; whatever happens, the loop hears of it."""
        error: Exception | None = None
        try:
            self._segments.write(payloads)
        except Exception as failure:  # noqa: BLE001 - a fault of ours is a failure like the disk's
            error = failure
        # The loop is gone if the process ends without waiting for the disk.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end_batch, len(payloads), error)
        self._waker.wake()

    def _end_batch(self, entries: int, error: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if error is None:
            marks = self._marks_in_batch()
            self._marks -= marks
            self._appended += entries - marks
            if self._fails:
                logger.warning("journal is written again", held=len(self._queue))
                self._say_lost()
            self._fails = False
            released, self._batch = self._batch, []
            release(released)
            if self._queue:
                self._loop.call_soon(self._gather, 0, 0, 0)
            else:
                self._rest()
            return
        if not isinstance(error, OSError):
            logger.error("journal failed", frames=frames_of(error))
        # First in the queue again: the disk may hold them, under the numbers that they get anew.
        self._queue.extendleft(reversed(self._batch))
        self._batch = []
        self._stop_waiting()
        self._loop.call_later(_RETRY_SECONDS, self._retry)

    def _marks_in_batch(self) -> int:
        # As a rule there is none, and nothing to look through.
        return sum(type(each) is Mark for each, _ in self._batch) if self._marks else 0

    def _retry(self) -> None:
        if self._queue:
            self._begin_batch()
        else:
            # Nothing is held, so the next to come finds out.
            self._fails = False
            self._rest()

    def _rest(self) -> None:
        self._is_busy = False
        self._idle.set()

    def _lose_patience(self) -> None:
        logger.error("journal's disk takes too long")
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        """Let nobody wait for the disk; what they appended goes on to wait."""
        self._fails = True
        released = [*self._batch, *self._queue]
        self._batch = [(payload, None) for payload, _ in self._batch]
        self._queue = collections.deque(
            (payload, None) for payload, _ in self._queue if payload is not None
        )
        release(released)

    def _lose(self, count: int) -> None:
        self._lost += count
        if self._loop.time() - self._loss_logged >= _LOSS_LOG_SECONDS:
            self._say_lost()

    def _say_lost(self) -> None:
        """Say how many are lost, unless that was the last word."""
        if self._lost > self._lost_said:
            self._lost_said, self._loss_logged = self._lost, self._loop.time()
            logger.error("opens lost", lost_opens=self._lost)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        self._segments.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write beside the block; on the way out make durable what waits."""
        self._thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._idle.wait()
            left = self._entries_waiting()
            self._queue.clear()
            self._jobs.put(None)
            # A disk that hangs must not keep the process from ending.
            await asyncio.to_thread(self._thread.join, 0 if left else _LAST_SECONDS)
            self._lost += left
            self._say_lost()
