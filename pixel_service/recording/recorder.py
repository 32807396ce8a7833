"""Makes opens durable, many at a time, whatever happens to the log.

    record() ──▶ pending ──▶ log          one commit for all that gathered
                     │ log fails, or is late
                     ├─────▶ spool        on the local disk; drained into the log later
                     │ spool full or broken
                     └─────▶ held         in memory; drained later; what does not fit is lost

Once the log answers, new opens go behind those in the spool until it is empty, so that
none overtakes another.  Only where that would lose opens they do not wait their turn.

No timer gathers more: what gathers is what the event loop has at hand when the last
commit ends.  Exactly once, because the log skips event IDs that it has.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar, TypeVarTuple, Unpack

import structlog

from pixel_service.open_log import OpenLog, OpenRecord
from pixel_service.recording.gathering import gather
from pixel_service.recording.held_opens import HeldOpens
from pixel_service.recording.recorder_health import RecorderHealth, RecorderState
from pixel_service.recording.spool import Spool, SpoolFull
from pixel_service.recording.timely_appends import TimelyAppends
from service_runtime.background import kept_running
from service_runtime.backoff import Backoff

# How late the log may be before an open goes to the spool.  A person does not see a
# quarter of a second in a letter's last image.
DEFAULT_BOUND: Final = dt.timedelta(milliseconds=250)

# Opens that wait for a commit: what the fastest endpoint takes in during the bound.
# About 1,000 octets each.
MAX_PENDING_OPENS: Final = 20_000

_MAX_BATCH_OPENS: Final = 1_000  # of one commit, so that it stays well below the bound
DEFAULT_MAX_HELD_OPENS: Final = 10_000  # in memory when nothing else is left: about 10 MB

# How late the log may be with a batch from the spool, which nobody waits for.
_DRAIN_BOUND: Final = dt.timedelta(seconds=10)

# Between attempts to reach a log that is down.
_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=2)

_MAX_AWAITED_OCTETS: Final = 1024 * 1024  # of the spool, while fetches wait: about a commit

Arguments = TypeVarTuple("Arguments")
Answer = TypeVar("Answer")

_log = structlog.get_logger()


class _Waiting(NamedTuple):
    opens: Sequence[OpenRecord]
    done: asyncio.Future[None]


class Recorder:
    """Records opens; one per process, living as long as the block of `running`."""

    def __init__(
        self,
        log: OpenLog,
        spool: Spool,
        *,
        bound: dt.timedelta = DEFAULT_BOUND,
        max_held_opens: int = DEFAULT_MAX_HELD_OPENS,
    ) -> None:
        self._log = log
        self._appends = TimelyAppends(log)
        self._spool = spool
        self._bound = bound
        self._spool_thread = concurrent.futures.ThreadPoolExecutor(1, "spool")
        self._pending: collections.deque[_Waiting] = collections.deque()
        self._pending_opens = 0
        self._arrived = asyncio.Event()
        self._flushed = asyncio.Event()
        self._held = HeldOpens(max_opens=max_held_opens)
        self._to_drain = asyncio.Event()
        self._log_answers = True
        # Whether opens go to the log, not behind others in the spool.
        self._is_direct = spool.is_empty
        self._turn = asyncio.Lock()
        self._recorded = self._spooled = 0

    @property
    def health(self) -> RecorderHealth:
        """How things stand."""
        return RecorderHealth(
            state=self._state(),
            spooled_octets=self._spool.octets,
            held_opens=len(self._held),
            recorded_opens=self._recorded,
            spooled_opens=self._spooled,
            lost_opens=self._held.lost,
        )

    def _state(self) -> RecorderState:
        if self._held:
            return RecorderState.LOSING if self._held.is_full else RecorderState.MEMORY
        return RecorderState.LOG if self._is_direct else RecorderState.SPOOL

    async def record(self, opens: Sequence[OpenRecord]) -> None:
        """Make *opens* durable, in the log or in the spool.

        Returns in little more than the bound, whatever happens, and raises nothing:
        when neither takes them, they are held in memory or, at last, lost, which
        `health` counts.  Cancelling the call does not take them back.
        """
        if not opens:
            return
        if self._pending_opens >= MAX_PENDING_OPENS:
            self._held.hold(opens)
            self._to_drain.set()
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(_Waiting(opens, done))
        self._pending_opens += len(opens)
        self._arrived.set()
        await done

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Record and drain beside the block; on the way out make durable what waits."""
        self._to_drain.set()
        with self._spool_thread:
            async with kept_running("drain", self._drain), kept_running("recording", self._flush):
                try:
                    yield
                finally:
                    while self._pending:
                        self._flushed.clear()
                        await self._flushed.wait()
            await self._rescue_held()
            await self._appends.cancel_late()

    async def _flush(self) -> None:
        """Make durable whatever has gathered, again and again."""
        while True:
            await self._arrived.wait()
            if self._log.prefers_few_appends:
                await gather(lambda: self._pending_opens)
            batch = self._take()
            await self._make_durable([open_ for opens, _ in batch for open_ in opens])
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
            if not self._pending:
                self._arrived.clear()
            self._flushed.set()

    def _take(self) -> list[_Waiting]:
        batch = []
        count = 0
        while self._pending and count < _MAX_BATCH_OPENS:
            waiting = self._pending.popleft()
            batch.append(waiting)
            count += len(waiting.opens)
        self._pending_opens -= count
        return batch

    async def _make_durable(self, opens: Sequence[OpenRecord]) -> None:
        async with self._turn:
            if not self._is_direct:
                await self._put_aside(opens)
            elif not await self._append_in_time(opens):
                self._is_direct = False
                _log.warning("log does not answer, opens go to the spool")
                await self._put_aside(opens)

    async def _append_in_time(self, opens: Sequence[OpenRecord]) -> bool:
        self._log_answers = await self._appends.append(opens, self._bound)
        if self._log_answers:
            self._recorded += len(opens)
        return self._log_answers

    async def _put_aside(self, opens: Sequence[OpenRecord]) -> None:
        try:
            await self._in_spool_thread(self._spool.append, opens)
        except (OSError, SpoolFull) as error:
            # Better out of order than lost.
            if not (self._log_answers and await self._append_in_time(opens)):
                _log.error("spool does not take opens", cause=type(error).__name__, text=str(error))
                self._held.hold(opens)
        else:
            self._spooled += len(opens)
        self._to_drain.set()

    async def _drain(self) -> None:
        """Bring what was put aside into the log, whenever there is any."""
        backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        while True:
            await self._to_drain.wait()
            self._log_answers = await self._drain_some()
            if self._log_answers:
                backoff.reset()
            else:
                await backoff.pause()

    async def _drain_some(self) -> bool:
        """Bring what is held, or one file of the spool, into the log; return whether it took it."""
        # One late append at a time.
        if not await self._appends.wait_for_late(_DRAIN_BOUND):
            return False
        # Memory first, because it is what a crash would lose.
        if self._held:
            return await self._drain_held()
        # Fetches wait only for a log that has just answered.
        if not self._log_answers or self._spool.octets > _MAX_AWAITED_OCTETS:
            return await self._drain_oldest(_DRAIN_BOUND)
        async with self._turn:
            is_drained = await self._drain_oldest(self._bound)
            if is_drained and self._spool.is_empty and not self._held:
                self._is_direct = True
                self._to_drain.clear()
            return is_drained

    async def _drain_oldest(self, bound: dt.timedelta) -> bool:
        try:
            spooled = await self._in_spool_thread(self._spool.oldest)
            for batch in _batches(spooled.opens if spooled else ()):
                if not await self._appends.append(batch, bound):
                    return False
            if spooled:
                await self._in_spool_thread(self._spool.remove, spooled)
        except OSError as error:
            _log.error("spool cannot be drained", cause=type(error).__name__, text=str(error))
            return False
        return True

    async def _drain_held(self) -> bool:
        batch = self._held.first(_MAX_BATCH_OPENS)
        if not await self._appends.append(batch, _DRAIN_BOUND):
            return False
        self._held.drop(len(batch))
        return True

    async def _rescue_held(self) -> None:
        """At the end, try once more for what is held; what nobody takes is lost."""
        for batch in _batches(self._held.first(len(self._held))):
            if not (self._log_answers and await self._append_in_time(batch)):
                await self._rescue(batch)
            self._held.drop(len(batch))

    async def _rescue(self, opens: Sequence[OpenRecord]) -> None:
        try:
            await self._in_spool_thread(self._spool.append, opens)
        except (OSError, SpoolFull):
            self._held.count_lost(len(opens))

    async def _in_spool_thread(
        self, function: Callable[[Unpack[Arguments]], Answer], *arguments: *Arguments
    ) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(
            self._spool_thread, function, *arguments
        )


def _batches(opens: Sequence[OpenRecord]) -> Iterator[Sequence[OpenRecord]]:
    starts = range(0, len(opens), _MAX_BATCH_OPENS)
    return (opens[start : start + _MAX_BATCH_OPENS] for start in starts)
