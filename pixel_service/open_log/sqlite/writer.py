"""The one thread that changes an SQLite log.

Whatever waits when a commit ends goes into the next one together.  So the busier
the log, the more each sync of the disk carries, and nothing waits without need.
"""

import asyncio
import contextlib
import dataclasses
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from pixel_service.errors import LogUnavailable
from pixel_service.open_log.numbering import BurstWindow
from pixel_service.open_log.sqlite import appending
from pixel_service.open_log.sqlite.counts import MessageCounts
from pixel_service.open_log.sqlite.failures import Failures
from pixel_service.open_log.sqlite.recording_time import RecordingTime
from pixel_service.open_log.values import JournalPosition, OpenRecord

# Jobs that wait for the thread.  Recording has one at a time, streams have their
# acknowledgements; this many mean that the disk has stopped.
MAX_JOBS: Final = 1_000

Answer = TypeVar("Answer")

# Jobs of one transaction, so that one commit stays short.
_MAX_JOBS_PER_COMMIT: Final = 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    attempts: Sequence[Callable[[sa.Connection], Any]]
    """What to do; the next one if an event ID turns out to be there already."""

    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]


class WriterThread:
    """Carries out jobs, in their order, on one connection."""

    def __init__(self, engine: sa.Engine, *, window: BurstWindow) -> None:
        self._engine = engine
        self._window = window
        self._counts = MessageCounts()
        self._times = RecordingTime()
        self._failures = Failures("writing")
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MAX_JOBS)
        self._thread = threading.Thread(target=self._run, name="open log writer", daemon=True)

    async def append(self, opens: Sequence[OpenRecord], journal: JournalPosition | None) -> int:
        """Append *opens*; durable on return.  Return the log's last sequence number.

        Raises:
            LogUnavailable: the outcome is unknown.
        """

        def write(connection: sa.Connection, some: Sequence[OpenRecord]) -> int:
            return appending.append(
                connection,
                some,
                counts=self._counts,
                window=self._window,
                times=self._times,
                journal=journal,
            )

        def append(connection: sa.Connection) -> int:
            return write(connection, opens)

        def append_rest(connection: sa.Connection) -> int:
            return write(connection, appending.without_duplicates(connection, opens))

        sequence: int = await self._submit(append, append_rest)
        return sequence

    async def execute(self, function: Callable[[sa.Connection, MessageCounts], Answer]) -> Answer:
        """Return what *function* does to the log; durable on return.

        Raises:
            LogUnavailable: the outcome is unknown.
        """
        answer: Answer = await self._submit(lambda connection: function(connection, self._counts))
        return answer

    async def _submit(self, *attempts: Callable[[sa.Connection], Any]) -> Any:  # noqa: ANN401 - see below
        # The result's type is that of the attempts, which no caller outside sees.
        loop = asyncio.get_running_loop()
        job = _Job(attempts=attempts, loop=loop, done=loop.create_future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise LogUnavailable("the log is too busy") from None
        return await job.done

    def _run(self) -> None:
        stopped = False
        while not stopped:
            jobs, stopped = self._waiting()
            if not jobs:
                continue
            outcomes = self._carry_out(jobs)
            for job, outcome in zip(jobs, outcomes, strict=True):
                # The loop is gone if the process ended without waiting for us.
                with contextlib.suppress(RuntimeError):
                    job.loop.call_soon_threadsafe(_settle, job.done, outcome)

    def _waiting(self) -> tuple[list[_Job], bool]:
        """Return the jobs that wait, at least one unless the end has come."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MAX_JOBS_PER_COMMIT:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _carry_out(self, jobs: Sequence[_Job]) -> Sequence[object]:
        """Return the jobs' results, or the errors that they failed with."""
        try:
            with self._transaction() as connection:
                return [job.attempts[0](connection) for job in jobs]
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits for the job
            # One job's fault is not the others': each alone, then.
            if len(jobs) > 1 or _may_try_again(error, jobs[0]):
                return [self._carry_out_alone(job) for job in jobs]
            return [self._failures.visible(error)]

    def _carry_out_alone(self, job: _Job) -> object:
        first, *others = job.attempts
        try:
            with self._transaction() as connection:
                return first(connection)
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits for the job
            if _may_try_again(error, job):
                return self._carry_out_alone(dataclasses.replace(job, attempts=others))
            return self._failures.visible(error)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except BaseException:
            # What was counted in memory was not kept.
            self._counts.forget()
            raise
        else:
            self._failures.worked()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run beside the block; on the way out finish what was submitted."""
        self._thread.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._jobs.put(None)
        self._thread.join()


def _may_try_again(error: Exception, job: _Job) -> bool:
    return isinstance(error, sa.exc.IntegrityError) and len(job.attempts) > 1


def _settle(done: asyncio.Future[Any], outcome: object) -> None:
    if done.done():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
