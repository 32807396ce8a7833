"""The life of a process: run, announce the end, end."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
import uvloop

from service_runtime.drain import Drain

# What an orchestrator sends, and Ctrl-C.
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

logger = structlog.get_logger()


def run(
    main: Callable[[Drain], Awaitable[None]],
    *,
    drain: Drain | None = None,
    stop_signals: Sequence[signal.Signals] = STOP_SIGNALS,
) -> None:
    """Run *main* until it returns.

    A stop signal begins the drain, which *main* watches; a second one cancels *main* at
    once.  What *main* raises is raised here.
    """
    # uvloop, because sockets are most of what the pixel endpoint does, and both services
    # should run on one loop.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(main, drain or Drain(), stop_signals))


async def _run(
    main: Callable[[Drain], Awaitable[None]], drain: Drain, stop_signals: Sequence[signal.Signals]
) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main(drain))
    stop = _Stop(task, drain)
    for number in stop_signals:
        loop.add_signal_handler(number, stop.on_signal, number)
    try:
        await task
    except asyncio.CancelledError:
        # The second signal asked for this end; any other cancellation is passed on.
        if not drain.is_draining:
            raise
    stop.log_end()


class _Stop:
    """The planned end of a process, told to operators."""

    def __init__(self, task: asyncio.Future[None], drain: Drain) -> None:
        self._task = task
        self._drain = drain
        self._began: float | None = None

    def on_signal(self, number: signal.Signals) -> None:
        """Begin the drain; at the second signal, end at once."""
        if self._drain.is_draining:
            logger.warning("stopping at once", signal=number.name)
            self._task.cancel()
            return
        self._began = time.monotonic()
        grace = self._drain.grace.total_seconds()
        logger.info("stopping", signal=number.name, grace_seconds=grace)
        self._drain.begin()

    def log_end(self) -> None:
        """Say how long it took, if it was asked for."""
        if self._began is not None:
            logger.info("stopped", seconds=round(time.monotonic() - self._began, 3))
