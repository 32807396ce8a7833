"""Processes of one service, and the one that starts them and replaces those that die."""

import asyncio
import datetime as dt
import functools
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from service_runtime.background import kept_running, running
from service_runtime.backoff import Backoff
from service_runtime.drain import Drain
from service_runtime.worker_process import END, LEAVE, Child, Worker

# Between the starts of a process that dies.  One that lived for long starts at once.
_SHORTEST_WAIT: Final = dt.timedelta(milliseconds=50)
_LONGEST_WAIT: Final = dt.timedelta(seconds=5)
_HEALTHY: Final = dt.timedelta(seconds=10)

# How long a successor may take to be ready before the one that it replaces goes on.
_START_SECONDS: Final = 60.0

# Each process says every second that it runs.  One that says nothing for half a minute is
# suspended, or stuck for good: clients that the system gives it wait in vain.  Less would
# end processes of a machine that is only busy.
_LOOK_SECONDS: Final = 1.0
_SILENT_LOOKS: Final = 30

logger = structlog.get_logger()


class WorkersFailed(Exception):
    """A process cannot run as it was told.  The text says why."""


async def run_workers(
    workers: Sequence[Worker],
    *,
    drain: Drain,
    on_ready: Callable[[], None],
    on_end: Callable[[], None],
    replacing: asyncio.Event,
) -> None:
    """Run *workers* until *drain* begins; start those that die anew, for as long as it takes.

    When the drain begins each gets END, and the drain's grace to end. One whose
    parent dies gets END, too.

    Args:
        workers: what to run.
        drain: announces the end.
        on_ready: called once, when all are ready.
        on_end: called once, when no more are started, and before any is told to end.
        replacing: set by whoever wants every process replaced, one after the other.

    Raises:
        WorkersFailed: one cannot run as it was told.
    """
    ends, ends_last = asyncio.Event(), asyncio.Event()
    keepers = [_Keeper(each, drain, ends_last if each.ends_last else ends) for each in workers]
    tasks = [asyncio.create_task(each.keep()) for each in keepers]
    replace_all = functools.partial(_replace_all, keepers, replacing)
    try:
        async with (
            running(_announce(keepers, on_ready)),
            kept_running("replacing processes", replace_all),
            kept_running("watch over processes", functools.partial(_watch, keepers)),
            running(drain.wait()) as ending,
        ):
            await asyncio.wait({*tasks, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # At the planned end; or one has refused, and the others go, too.
        drain.begin()
        ends.set()
        on_end()
        await asyncio.wait(
            [task for task, each in zip(tasks, workers, strict=True) if not each.ends_last]
        )
        ends_last.set()
        await asyncio.wait(tasks)
    for task in tasks:
        task.result()


async def _announce(keepers: "Sequence[_Keeper]", on_ready: Callable[[], None]) -> None:
    for keeper in keepers:
        await keeper.is_ready.wait()
    on_ready()


async def _watch(keepers: "Sequence[_Keeper]") -> None:
    """End processes that do nothing any more, so that others take their places."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for keeper in keepers:
            keeper.look()


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

    def __init__(self, worker: Worker, drain: Drain, ends: asyncio.Event) -> None:
        self.worker = worker
        self.is_ready = asyncio.Event()
        self._drain = drain
        self._ends = ends
        self._backoff = Backoff(shortest=_SHORTEST_WAIT, longest=_LONGEST_WAIT, healthy=_HEALTHY)
        self._is_replaced = False
        self._current = Child(worker)

    async def keep(self) -> None:
        """Run the worker until the end.

        Raises:
            WorkersFailed: it refuses to run before it was ever ready.
        """
        ending: asyncio.Future[object] = asyncio.ensure_future(self._ends.wait())
        try:
            while not self._ends.is_set():
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

    def look(self) -> None:
        """End the present process if it does nothing any more."""
        child = self._current
        if not child.ended.done() and child.is_silent(looks=_SILENT_LOOKS):
            logger.error("process does nothing, ending it", process=self.worker.name)
            child.end_at_once()

    async def _start_again(self, child: Child, ending: "asyncio.Future[object]") -> None:
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
        if not self._ends.is_set():
            self._backoff.begin()
            self._current = Child(self.worker)

    async def replace(self) -> None:
        """Have a successor take over, and end the present process."""
        if not self.worker.overlaps:
            self._is_replaced = True
            await self._current.stop(END, self._drain)
            return
        successor = Child(self.worker)
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
