"""Work beside a block, with an owner.

Two kinds.  `running` is for work that ends: its error is its block's business.
`kept_running` is for work that must go on for as long as its block: a follower, a drain,
a round of housekeeping.  None of that dies unseen.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Final

import structlog

from service_runtime.backoff import Backoff
from service_runtime.frames import frames_of

# Between the starts of work that dies.  The longest is well below the half minute in
# which an operator must hear of it.
_SHORTEST_WAIT: Final = dt.timedelta(milliseconds=100)
_LONGEST_WAIT: Final = dt.timedelta(seconds=5)

# Work that was started again counts as down for that long: it may die at once again, and
# a probe that comes in between must not take it for healthy.
_SETTLED_SECONDS: Final = 1.0

logger = structlog.get_logger()


@contextlib.asynccontextmanager
async def running(work: Coroutine[object, object, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run *work* while the block runs; at its end cancel it and wait for it.

    Work that fails does not interrupt the block, which may be awaiting something
    else; its error is raised when the block ends without one of its own.

    Not a TaskGroup: that one turns an error of the block into an ExceptionGroup,
    which no handler for the error itself would match (PEP 789 has more).
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()


# All of the process: started deep inside a log or a recorder, and asked for by its
# readiness, which could forget none of them only if it was told of each by hand.
_kept: "set[_KeptRunning]" = set()


@contextlib.asynccontextmanager
async def kept_running(name: str, work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run *work* while the block runs; when it dies, log that and start it again.

    Any error is taken for a passing one: after a wait that grows from 0.1 s to 5 s the
    work begins anew, so it must leave nothing that a new beginning trips over.
    Meanwhile `tasks_down` names it, which keeps the process from being ready.  Work that
    returns is done.

    Args:
        name: what operators are told has died, such as `tail of the log`.
        work: does it once, from the beginning.
    """
    task = _KeptRunning(name, work)
    _kept.add(task)
    try:
        async with running(task.run()):
            yield
    finally:
        _kept.discard(task)


def tasks_down() -> Sequence[str]:
    """Return the names of what `kept_running` has to keep running and is down, sorted."""
    return sorted({task.name for task in _kept if task.is_down})


class _KeptRunning:
    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._work = work
        self._backoff = Backoff(shortest=_SHORTEST_WAIT, longest=_LONGEST_WAIT)
        self._is_waiting = False
        self._up_since: float | None = None

    @property
    def is_down(self) -> bool:
        return self._is_waiting or (
            self._up_since is not None and time.monotonic() - self._up_since < _SETTLED_SECONDS
        )

    async def run(self) -> None:
        while (error := await self._run_once()) is not None:
            self._is_waiting = True
            logger.error(
                "background task died, starting it again",
                task=self.name,
                error=type(error).__name__,
                frames=frames_of(error),
            )
            await self._backoff.pause()
            self._up_since = time.monotonic()
            self._is_waiting = False

    async def _run_once(self) -> BaseException | None:
        self._backoff.begin()
        try:
            await self._work()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not for us: something that the work awaited was cancelled.
            return error
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is, it is seen here
            return error
        return None


async def first_of(*waits: Awaitable[object]) -> None:
    """Return when one of *waits* does; cancel the others."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
