"""Processes of one service, and the one that starts them and replaces those that die."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import structlog

from service_runtime.background import kept_running, running
from service_runtime.backoff import Backoff
from service_runtime.drain import Drain
from service_runtime.process import STOP_SIGNALS

# Started afresh and not forked: neither gRPC nor SQLite survives a fork.
_SPAWN: Final = multiprocessing.get_context("spawn")

# Between the starts of a process that dies.  One that lived for long starts at once.
_SHORTEST_WAIT: Final = dt.timedelta(milliseconds=50)
_LONGEST_WAIT: Final = dt.timedelta(seconds=5)
_HEALTHY: Final = dt.timedelta(seconds=10)

# How long a successor may take to be ready before the one that it replaces goes on.
_START_SECONDS: Final = 60.0

# What a process has beyond its grace to end by itself.
_LAST_SECONDS: Final = 5.0

# How a process is told to end.  Not by SIGTERM: service managers send that to all processes
# at once, and their order is the parent's business.
END: Final = signal.SIGUSR1

# How a process is told that its successor is ready: it lets clients go over, and ends.
LEAVE: Final = signal.SIGHUP

logger = structlog.get_logger()


class WorkersFailed(Exception):
    """A process cannot run as it was told.  The text says why."""


class Report:
    """What a process tells the one that has started it."""

    def __init__(self, connection: "Connection[str, str]") -> None:
        self._connection = connection

    def ready(self) -> None:
        """Say that everything is served."""
        self._send("")

    def refuse(self, reason: str) -> None:
        """Say that it cannot run as it was told: starting it again would not help."""
        self._send(reason or "for no reason that it says")

    def _send(self, text: str) -> None:
        # Nobody hears it when the parent has gone.
        with contextlib.suppress(OSError):
            self._connection.send(text)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process of the service."""

    name: str
    work: Callable[[Report], None]
    """What it does: a function of a module, or a partial of one."""

    overlaps: bool
    """Whether its successor may start before it has ended."""

    ends_last: bool = False
    """Whether it goes on until all others have ended."""


async def run_workers(
    workers: Sequence[Worker],
    *,
    drain: Drain,
    on_ready: Callable[[], None],
    replacing: asyncio.Event,
) -> None:
    """Run *workers* until *drain* begins; start those that die anew, for as long as it takes.

    When the drain begins each gets END, and the drain's grace to end. One whose
    parent dies gets END, too.

    Args:
        workers: what to run.
        drain: announces the end.
        on_ready: called once, when all are ready.
        replacing: set by whoever wants every process replaced, one after the other.

    Raises:
        WorkersFailed: one cannot run as it was told.
    """
    others_ended = asyncio.Event()
    keepers = [_Keeper(worker, drain, others_ended) for worker in workers]
    early = [asyncio.create_task(each.keep()) for each in keepers if not each.worker.ends_last]
    late = [asyncio.create_task(each.keep()) for each in keepers if each.worker.ends_last]
    tasks = [*early, *late]
    replace_all = functools.partial(_replace_all, keepers, replacing)
    try:
        async with (
            running(_announce(keepers, on_ready)),
            kept_running("replacing processes", replace_all),
            running(drain.wait()) as ending,
        ):
            await asyncio.wait({*tasks, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # At the planned end; or one has refused, and the others go, too.
        drain.begin()
        await asyncio.wait(early)
        others_ended.set()
        await asyncio.wait(tasks)
    for task in tasks:
        task.result()


async def _announce(keepers: "Sequence[_Keeper]", on_ready: Callable[[], None]) -> None:
    for keeper in keepers:
        await keeper.is_ready.wait()
    on_ready()


async def _replace_all(keepers: "Sequence[_Keeper]", replacing: asyncio.Event) -> None:
    while True:
        await replacing.wait()
        replacing.clear()
        logger.info("replacing processes")
        for keeper in keepers:
            await keeper.replace()
        logger.info("processes replaced")


class _Keeper:
    """Keeps one worker running."""

    def __init__(self, worker: Worker, drain: Drain, others_ended: asyncio.Event) -> None:
        self.worker = worker
        self.is_ready = asyncio.Event()
        self._drain = drain
        self._ends = others_ended.wait if worker.ends_last else drain.wait
        self._backoff = Backoff(shortest=_SHORTEST_WAIT, longest=_LONGEST_WAIT, healthy=_HEALTHY)
        self._is_replaced = False
        self._current = _Child(worker)

    async def keep(self) -> None:
        """Run the worker until the end.

        Raises:
            WorkersFailed: it refuses to run before it was ever ready.
        """
        ending: asyncio.Future[object] = asyncio.ensure_future(self._ends())
        try:
            while not ending.done():
                child = self._current
                await child.wait_for_change(ending)
                if child.ready.done():
                    self.is_ready.set()
                # Else a successor has taken over.
                if child.ended.done() and child is self._current:
                    await self._start_again(child, ending)
            await self._current.stop(END, self._drain)
        finally:
            ending.cancel()
            self._current.kill()

    async def _start_again(self, child: "_Child", ending: "asyncio.Future[object]") -> None:
        if child.refusal and not self.is_ready.is_set():
            raise WorkersFailed(child.refusal)
        if not self._is_replaced:
            logger.error(
                "process died, starting another",
                process=self.worker.name,
                exit_code=child.exit_code,
                reason=child.refusal,
            )
            await asyncio.wait({ending}, timeout=self._backoff.next_seconds())
        self._is_replaced = False
        if not ending.done():
            self._backoff.begin()
            self._current = _Child(self.worker)

    async def replace(self) -> None:
        """Have a successor take over, and end the present process."""
        if not self.worker.overlaps:
            self._is_replaced = True
            await self._current.stop(END, self._drain)
            return
        successor = _Child(self.worker)
        try:
            await asyncio.wait(
                {successor.ready, successor.ended},
                timeout=_START_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if successor.ended.done() or not successor.ready.done():
                logger.error(
                    "successor is not ready, keeping the process",
                    process=self.worker.name,
                    reason=successor.refusal,
                )
                return
            old, self._current = self._current, successor
            await old.stop(LEAVE, self._drain)
        finally:
            if self._current is not successor:
                successor.kill()


class _Child:
    """One process, from its start to its end."""

    def __init__(self, worker: Worker) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox, outbox = _SPAWN.Pipe(duplex=False)
        self._process = _SPAWN.Process(target=_work, args=(worker.work, outbox), name=worker.name)
        self._process.start()
        outbox.close()
        self.refusal = ""
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._inbox.fileno(), self._hear)
        self._loop.add_reader(self._process.sentinel, self._end)

    async def wait_for_change(self, ending: "asyncio.Future[Any]") -> None:
        """Return when it is ready, or has ended, or when *ending* is done."""
        awaited: set[asyncio.Future[Any]] = (
            {self.ended, ending} if self.ready.done() else {self.ended, self.ready, ending}
        )
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def _hear(self) -> None:
        try:
            self.refusal = self._inbox.recv()
        except (EOFError, OSError):
            self._loop.remove_reader(self._inbox.fileno())
            return
        if not self.refusal and not self.ready.done():
            self.ready.set_result(None)

    def _end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        while not self._inbox.closed and self._inbox.poll():
            try:
                self.refusal = self._inbox.recv()
            except (EOFError, OSError):
                break
        self._loop.remove_reader(self._inbox.fileno())
        self._inbox.close()
        self._process.join()
        if not self.ended.done():
            self.ended.set_result(None)

    async def stop(self, number: signal.Signals, drain: Drain) -> None:
        """End it with a signal; if it does not end within its grace, without asking."""
        if not self.ended.done() and self._process.pid is not None:
            os.kill(self._process.pid, number)
            seconds = 2 * drain.grace.total_seconds() + _LAST_SECONDS
            await asyncio.wait({self.ended}, timeout=seconds)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if not self.ended.done():
            self._process.kill()
            self._end()


def _work(work: Callable[[Report], None], connection: "Connection[str, str]") -> None:
    """Be a worker."""
    # What stops the service reaches the whole group; the parent says when to end, once.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    work(Report(connection))


def _end_with(sentinel: int) -> None:
    """Ask this process to end when its parent is gone: nobody would replace it."""
    wait([sentinel])
    os.kill(os.getpid(), END)
