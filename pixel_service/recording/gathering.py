"""Waits for what the event loop has at hand, and for nothing else."""

import asyncio
from collections.abc import Callable
from typing import Final

# One pass of the loop reads a request, the next one handles it.
_IDLE_PASSES: Final = 2

# Together a few milliseconds of a busy loop.
MAX_PASSES: Final = 16


async def gather(count: Callable[[], int]) -> None:
    """Let the event loop go round until *count* has stopped to change.

    On a fast disk many small commits take more of the processor than the opens in
    them, so that requests which lie in sockets already should join the next one. No
    timer: when nothing more comes, this returns at once, after `MAX_PASSES` in any case.
    """
    before, idle_passes = count(), 0
    for _ in range(MAX_PASSES):
        await asyncio.sleep(0)
        now = count()
        idle_passes = idle_passes + 1 if now == before else 0
        if idle_passes == _IDLE_PASSES:
            return
        before = now
