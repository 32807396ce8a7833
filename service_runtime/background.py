"""Work beside a block, with an owner."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine


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
