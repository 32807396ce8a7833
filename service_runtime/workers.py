"""Several processes that do the same work, and one that replaces those that die."""

import asyncio
import contextlib
import datetime as dt
import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from service_runtime.backoff import Backoff
from service_runtime.drain import Drain

# Started afresh and not forked: neither gRPC nor SQLite survives a fork.
_SPAWN: Final = multiprocessing.get_context("spawn")

# A worker that lives shorter than this has failed to start; the next attempt waits.
_HEALTHY: Final = dt.timedelta(seconds=10)
_SHORTEST_WAIT: Final = dt.timedelta(milliseconds=100)
_LONGEST_WAIT: Final = dt.timedelta(seconds=10)

# After so many failed starts of a worker in a row all give up: what is wrong then does
# not pass by itself.
_MAX_FAILED_STARTS: Final = 5

# What a worker has beyond its grace to end by itself.
_LAST_SECONDS: Final = 5.0

logger = structlog.get_logger()

Work = Callable[[int], None]


class WorkersFailed(Exception):
    """A worker does not start.  Its own last words say why."""


async def run_workers(work: Work, *, count: int, drain: Drain) -> None:
    """Run *work* in *count* processes until *drain* begins; replace those that die.

    Each gets its index, from 0. When the drain begins each gets SIGTERM, and the
    drain's grace to end. A worker whose parent dies gets SIGTERM, too.

    Args:
        work: what a process does; a function of a module, or a partial of one.
        count: how many.
        drain: announces the end.

    Raises:
        WorkersFailed: one has failed to start five times in a row.
    """
    keepers = [asyncio.create_task(_keep_running(work, index, drain)) for index in range(count)]
    try:
        await asyncio.wait(keepers, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        # At the planned end all are done. Otherwise one has failed: the others go, too.
        drain.begin()
        await asyncio.wait(keepers)
    for keeper in keepers:
        keeper.result()


async def _keep_running(work: Work, index: int, drain: Drain) -> None:
    failed_starts = 0
    backoff = Backoff(shortest=_SHORTEST_WAIT, longest=_LONGEST_WAIT, healthy=_HEALTHY)
    while not drain.is_draining:
        started = time.monotonic()
        backoff.begin()
        exit_code = await _run_once(work, index, drain)
        if drain.is_draining:
            return
        logger.error("worker died, starting another", worker=index, exit_code=exit_code)
        if time.monotonic() - started >= _HEALTHY.total_seconds():
            failed_starts = 0
        # A signal killed it: no fault of its start.
        failed_starts += exit_code >= 0
        if failed_starts >= _MAX_FAILED_STARTS:
            raise WorkersFailed(f"worker {index} failed to start {failed_starts} times")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff.next_seconds()):
                await drain.wait()


async def _run_once(work: Work, index: int, drain: Drain) -> int:
    """Run one worker to its end; return its exit code, negative for a signal."""
    process = _SPAWN.Process(target=_work, args=(work, index), name=f"worker-{index}")
    process.start()
    ended = asyncio.ensure_future(_end_of(process))
    draining = asyncio.ensure_future(drain.wait())
    try:
        await asyncio.wait({ended, draining}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            process.terminate()
            seconds = drain.grace.total_seconds() + _LAST_SECONDS
            await asyncio.wait({ended}, timeout=seconds)
    finally:
        draining.cancel()
        ended.cancel()
        if process.is_alive():
            process.kill()
        process.join()
    return process.exitcode or 0


async def _end_of(process: multiprocessing.context.SpawnProcess) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)


def _work(work: Work, index: int) -> None:
    """Be a worker."""
    # Ctrl-C reaches the whole group; the parent says when to end, once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=_end_with, args=(sentinel,), daemon=True).start()
    work(index)


def _end_with(sentinel: int) -> None:
    """Ask this process to end when its parent is gone: nobody would replace it."""
    multiprocessing.connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
