"""Rewrites in processes of their own what the event loop would wait for too long.

A search or a pattern over megabytes holds Python's interpreter, and with it every other
caller of the process, whichever thread it is in.  So a message that is not sure to be quick
goes to another process.  They are few, started when they are needed, and ended with the
service; one that dies is replaced, and its message given to its successor.
"""

import asyncio
import collections
import contextlib
import multiprocessing
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from injector_service.errors import RewritingInterrupted
from injector_service.rewriting import Outcome, Rewritten
from injector_service.rewriting_process import Job, receive, work
from service_runtime.key_ring import KeyRing

# Started afresh and not forked: gRPC does not survive a fork.
_SPAWN: Final = multiprocessing.get_context("spawn")

# Each holds one message, and is busy for half a second at most; what comes meanwhile waits.
MAX_PROCESSES: Final = min(os.cpu_count() or 1, 4)

# Processes that a message may cost: one may be killed for lack of memory, or by a person.
MAX_ATTEMPTS: Final = 3

# With the start of a process on a busy machine.  Nothing known takes a second.
_MOST_SECONDS: Final = 60.0

logger = structlog.get_logger()


class RewritingPool:
    """Processes that rewrite; made by `rewriting_pool`."""

    def __init__(self, key_ring: KeyRing) -> None:
        self._key_ring = key_ring
        # A thread for each process: it waits, and holds nothing while it does.
        self._threads = ThreadPoolExecutor(MAX_PROCESSES, thread_name_prefix="rewriting")
        # The one that was used last is used next, so that those not needed stay unused.
        self._idle: collections.deque[_Process] = collections.deque()
        self._all: set[_Process] = set()
        self._is_closed = False

    async def rewrite(self, raw: bytes, job: Job) -> list[Rewritten]:
        """Rewrite *raw* as *job* says, within the budget of its size.

        Returns what became of its copies: fewer than asked for if they are too much at once.

        A caller that leaves does not end the work on its message: the process is free for
        the next one when it is done.

        A message that no process survives is left alone, as one that is too complex: it would
        be given back for ever by a caller that tries again.

        Raises:
            RewritingInterrupted: no process can be started, or the service ends.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._rewrite, raw, job)

    def _rewrite(self, raw: bytes, job: Job) -> list[Rewritten]:
        for _ in range(MAX_ATTEMPTS):
            process = self._taken()
            try:
                made = process.rewrite(raw, job)
            except (EOFError, OSError):
                self._forget(process)
                continue
            except BaseException:
                # Nobody knows where its conversation stands.
                self._forget(process)
                raise
            self._idle.append(process)
            return made
        if self._is_closed:
            raise RewritingInterrupted
        logger.error("message not rewritten: no process survives it", octets=len(raw))
        return [Rewritten(outcome=Outcome.TOO_COMPLEX)] * len(job.copies)

    def _taken(self) -> "_Process":
        """Return a process that is idle, or a new one."""
        # Not asked for its length before: another thread may take the last one in between.
        with contextlib.suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.exit_code is None:
                    return process
                self._forget(process)
        if self._is_closed:
            raise RewritingInterrupted
        try:
            process = _Process(self._key_ring)
        except OSError as error:
            logger.error("rewriting process cannot be started", reason=error.strerror)  # noqa: TRY400 - the system's own words
            raise RewritingInterrupted from error
        self._all.add(process)
        return process

    def _forget(self, process: "_Process") -> None:
        process.end()
        self._all.discard(process)
        if not self._is_closed:
            logger.error("rewriting process died", exit_code=process.exit_code)

    def close(self) -> None:
        """End all processes: calls have ended, and what is still worked on nobody waits for."""
        self._is_closed = True
        # They keep nothing.  The threads that wait for one hear of its end.
        for process in tuple(self._all):
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in tuple(self._all):
            process.end()


@contextlib.asynccontextmanager
async def rewriting_pool(key_ring: KeyRing) -> AsyncIterator[RewritingPool]:
    """Have processes that rewrite inside the block; none is started before it is needed."""
    pool = RewritingPool(key_ring)
    try:
        yield pool
    finally:
        await asyncio.to_thread(pool.close)


class _Process:
    """One process that rewrites."""

    def __init__(self, key_ring: KeyRing) -> None:
        self._connection, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=work, args=(theirs, key_ring), name="rewriting", daemon=True
        )
        self._process.start()
        theirs.close()

    def rewrite(self, raw: bytes, job: Job) -> list[Rewritten]:
        """Rewrite *raw* as *job* says.

        Raises:
            EOFError, OSError: the process died, or hangs.
        """
        self._connection.send(job)
        self._connection.send_bytes(raw)
        if not self._connection.poll(_MOST_SECONDS):
            raise TimeoutError
        return receive(self._connection)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """End it without asking, whoever speaks with it."""
        self._process.kill()

    def end(self) -> None:
        """End it, and what is left of it; nobody speaks with it any more."""
        self._process.kill()
        self._process.join()
        self._connection.close()
