"""Background work starts and ends with its block."""

import asyncio

import pytest

from service_runtime.background import running


async def test_work_is_over_when_the_block_is_over() -> None:
    """Nothing runs on behind the caller's back."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    async with running(work()):
        await asyncio.sleep(0)

    assert ended.is_set()


async def test_failure_of_the_work_is_raised_at_the_end_of_the_block() -> None:
    """A background task that died is not forgotten."""

    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async with running(work()) as task:
            await asyncio.wait({task})


async def test_error_of_the_block_comes_out_as_it_is() -> None:
    """A typed handler around the block matches the block's own error."""
    with pytest.raises(KeyError):
        async with running(asyncio.sleep(60)):
            raise KeyError
