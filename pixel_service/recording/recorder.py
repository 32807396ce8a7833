"""Records what the journals of this machine hold.

    journals ──▶ portion ──▶ opens ──▶ log, with the position in the same transaction
                                        │
                    segment removed ◀───┘

A log that does not answer makes nothing worse than late: the journals keep what waits.
"""

import asyncio
import concurrent.futures
import contextlib
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, TypeVar

import structlog

from pixel_service.errors import PixelError
from pixel_service.journal import Alarm, FoundJournal, FutureSegment, Journals
from pixel_service.open_log import JournalPosition, OpenLog, OutsideLog
from pixel_service.recording.appending import Appender
from pixel_service.recording.canaries import Canaries
from pixel_service.recording.health import RecordingHealth
from pixel_service.recording.objected import Objected
from pixel_service.recording.old_spool import adopt_spool, spool_files
from pixel_service.recording.source import Prepared, Source
from service_runtime.backoff import Backoff
from service_runtime.outage import Outage

# How often journals are looked at when nobody wakes us.
_POLL_SECONDS: Final = 0.25

# Between attempts on a log that does not answer.
_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=2)

# For what still comes in at the end.
_LAST_SECONDS: Final = 2.0

# How long `bring_in` waits. A process begins a new segment within half a second, and
# 10,000 opens are recorded in about one.
_PATIENCE: Final = dt.timedelta(seconds=10)
_LOOK: Final = dt.timedelta(milliseconds=50)

# Among the journals that cannot be read.
_SPOOL: Final = "spool"

Answer = TypeVar("Answer")

logger = structlog.get_logger()


class Recorder:
    """Records; one per machine and log."""

    def __init__(
        self, log: OpenLog, journals: Journals, *, spool: Path, objected: Objected | None = None
    ) -> None:
        """Bring into *log* what *journals* hold, and the spool that an older version left.

        Nothing of those whom *objected* has.
        """
        self._log = log
        self._objected = objected or Objected(log.identity.cursor_key)
        self._journals = journals
        self._spool = spool
        self._sources: dict[str, Source] = {}
        # By journal: when the oldest open that is read, and not known to be in the log, was.
        self._oldest: dict[str, dt.datetime] = {}
        self.canaries = Canaries()
        self._appender = Appender(log)
        self._recorded = self._missing = self._left_out = 0
        # By journal: what was being appended when the log failed, which it may have committed.
        self._in_doubt: dict[str, Prepared] = {}
        self._is_failing = False
        self._outage = Outage("opens are not recorded", "opens are recorded again")
        self._stuck: set[str] = set()
        self._backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        self._alarm: Alarm | None = None
        self._thread: concurrent.futures.Executor | None = None

    @property
    def health(self) -> RecordingHealth:
        """How things stand."""
        oldest = min(self._oldest.values(), default=None)
        return RecordingHealth(
            recorded=self._recorded - self._appender.refused,
            missing=self._missing,
            objected=self._left_out,
            refused=self._appender.refused,
            late_seconds=0.0 if oldest is None else _seconds_since(oldest),
            is_failing=self._is_failing or bool(self._stuck),
        )

    async def record(self) -> None:
        """Record what there is, and what comes, for ever."""
        async with self._working() as alarm:
            while True:
                try:
                    is_idle = not await self._record_round()
                    self._is_failing = False
                    self._outage.worked()
                    self._backoff.reset()
                except (PixelError, OSError) as error:
                    self._outage.failed(cause=type(error).__name__, text=str(error))
                    self._is_failing = True
                    self._forget_sources()
                    await self._backoff.pause()
                else:
                    if is_idle:
                        await alarm.wait(_POLL_SECONDS)

    async def record_rest(self) -> None:
        """Record what there still is, when nothing more comes; two seconds at most.

        What is left then waits in the journals for the next start.
        """
        async with self._working():
            with contextlib.suppress(PixelError, OSError, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    while await self._record_round():
                        pass

    @contextlib.asynccontextmanager
    async def _working(self) -> AsyncIterator[Alarm]:
        alarm = self._alarm = Alarm(self._journals.pipe)
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "journal reader")
        try:
            yield alarm
        finally:
            # First, because it may be reading what is closed then.
            self._thread.shutdown()
            self._forget_sources()
            alarm.close()

    async def _in_thread(self, function: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def _record_round(self) -> bool:
        """Record a portion of each journal, all of those left behind; return if there was any."""
        if await self._adopt():
            return True
        found = {journal.id: journal for journal in self._journals.found()}
        for gone in self._sources.keys() - found.keys():
            self._forget_source(gone)
            self._oldest.pop(gone, None)
        self._in_doubt = {each: self._in_doubt[each] for each in self._in_doubt.keys() & found}
        for journal in found.values():
            if journal.is_abandoned():
                self.canaries.forget(journal.id)
            else:
                self.canaries.expect(journal.id)
        has_any = False
        for journal_id, journal in found.items():
            source = self._sources.get(journal_id)
            if source is None:
                source = await self._open_source(journal)
                self._sources[journal_id] = source
            # What a process left behind comes before what its successor writes.
            while await self._record_some(source):
                has_any = True
                if not journal.is_abandoned():
                    break
        return has_any

    async def _adopt(self) -> bool:
        """Take over a file of the spool of an older version; one that cannot be read waits."""
        try:
            has_any = self._has_spool() and await adopt_spool(self._spool, self._appender)
        except OSError as error:
            if _SPOOL not in self._stuck:
                logger.error("spool cannot be read", text=str(error))  # noqa: TRY400 - it says all
            self._stuck.add(_SPOOL)
            return False
        self._stuck.discard(_SPOOL)
        return has_any

    async def _record_some(self, source: Source) -> bool:
        """Record a portion; a journal that cannot be read keeps no other from being recorded."""
        journal_id = source.journal.id
        try:
            has_any = await self._record_portion(source)
        except (FutureSegment, OSError) as error:
            if journal_id not in self._stuck:
                logger.error(  # noqa: TRY400 - the text says it all
                    "journal cannot be read", journal=journal_id, text=str(error)
                )
            self._stuck.add(journal_id)
            return False
        self._stuck.discard(journal_id)
        return has_any

    async def _record_portion(self, source: Source) -> bool:
        prepared = await self._in_thread(source.next)
        if prepared is not None and prepared.opens:
            self._oldest[source.journal.id] = prepared.opens[0].open_time
        else:
            self._oldest.pop(source.journal.id, None)
        if prepared is None:
            if source.is_at_end():
                # The journal first: a row too much harms nobody, and one too few would
                # have everything recorded again.
                await self._in_thread(source.journal.remove)
                await self._log.forget_journal(source.journal.id)
                self._forget_source(source.journal.id)
            return False
        position = JournalPosition(
            journal_id=source.journal.id,
            segment=prepared.portion.segment,
            sequence=prepared.portion.sequence,
        )
        set_aside = functools.partial(self._in_thread, lambda: source.set_aside(prepared))
        appending = asyncio.ensure_future(
            self._appender.append(prepared.opens, position, set_aside=set_aside)
        )
        try:
            if prepared.is_full:
                # The next one is made ready while the log works.  What is wrong with it
                # is said when it is asked for.
                with contextlib.suppress(FutureSegment, OSError):
                    await self._in_thread(source.prepare)
            await appending
        except PixelError:
            self._in_doubt[source.journal.id] = prepared
            raise
        finally:
            await asyncio.wait({appending})
        self._committed(source.journal.id, prepared)
        # Mostly there is none, and a thread takes a tenth of what a small round does.
        if source.has_passed_segments:
            await self._in_thread(lambda: source.release(prepared))
        return True

    async def _open_source(self, journal: FoundJournal) -> Source:
        """Read *journal* from where the log has it."""
        after = await self._log.recorded_up_to(journal.id)
        doubtful = self._in_doubt.pop(journal.id, None)
        if doubtful is not None and doubtful.portion.sequence <= after:
            # The log had committed it when its answer was lost.
            self._committed(journal.id, doubtful)
        return Source(journal, self._objected, after=after)

    def _committed(self, journal_id: str, prepared: Prepared) -> None:
        self._recorded += len(prepared.opens)
        # Not when it was noticed: a log that fails has it read, and noticed, again.
        self._missing += prepared.missing
        self._left_out += prepared.objected
        if prepared.canary_us is not None:
            self.canaries.committed(journal_id, prepared.canary_us)

    def _forget_sources(self) -> None:
        for journal_id in list(self._sources):
            self._forget_source(journal_id)

    def _forget_source(self, journal_id: str) -> None:
        self._stuck.discard(journal_id)
        self._sources.pop(journal_id).close()

    async def bring_in(self, *, patience: dt.timedelta = _PATIENCE) -> OutsideLog:
        """Bring everything into the log that was kept before this call, and nowhere else.

        Returns:
            What could not be brought there with *patience*, or cannot be read at all.
        """
        journals = self._journals.found()
        waiting = [path for journal in journals for path in journal.segments()]
        for journal in journals:
            if not journal.is_abandoned():
                journal.ask_for_new_segment()
        for _ in range(patience // _LOOK):
            if self._alarm is not None:
                self._alarm.ring()
            waiting = [path for path in waiting if path.exists()]
            if not waiting and not self._has_spool():
                break
            await asyncio.sleep(_LOOK.total_seconds())
        damaged = [*self._journals.damaged(), *self._spool.glob("*/*.damaged")]
        return OutsideLog(
            is_waiting=bool(waiting) or self._has_spool(),
            damaged_files=tuple(str(path) for path in damaged),
        )

    def _has_spool(self) -> bool:
        return bool(spool_files(self._spool))


def _seconds_since(time: dt.datetime) -> float:
    return max(0.0, (dt.datetime.now(dt.UTC) - time).total_seconds())
