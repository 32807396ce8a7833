"""The life of a process: run, announce the end, end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import uvloop

from service_runtime.drain import Drain


def run(main: Callable[[Drain], Awaitable[None]], *, drain: Drain | None = None) -> None:
    """Run *main* until it returns.

    SIGTERM and SIGINT begin the drain, which *main* watches; a second signal
    cancels *main* at once.  What *main* raises is raised here.
    """
    # uvloop, because the pixel endpoint answers a quarter more requests on it
    # (measured: FIELD-NOTES part 4), and both services should run on one loop.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(main, drain or Drain()))


async def _run(main: Callable[[Drain], Awaitable[None]], drain: Drain) -> None:
    task = asyncio.ensure_future(main(drain))

    def on_signal() -> None:
        if drain.is_draining:
            task.cancel()
        drain.begin()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        # The second signal asked for this end; any other cancellation is passed on.
        if not drain.is_draining:
            raise
