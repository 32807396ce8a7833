"""A commit takes along what is there, and waits for nothing that is not."""

import asyncio

from pixel_service.recording.gathering import MAX_PASSES, gather


class Arrivals:
    """Counts up, once in so many passes of the loop."""

    def __init__(self, *, every: int, total: int) -> None:
        self.count = 0
        self.passes = 0
        self._every = every
        self._total = total

    async def arrive(self) -> None:
        while self.count < self._total:
            await asyncio.sleep(0)
            self.passes += 1
            if self.passes % self._every == 0:
                self.count += 1


async def gathered(arrivals: Arrivals) -> int:
    task = asyncio.ensure_future(arrivals.arrive())
    await gather(lambda: arrivals.count)
    count = arrivals.count
    task.cancel()
    return count


async def test_requests_that_are_being_read_join_the_commit() -> None:
    """An open that comes a pass later than the last one is waited for."""
    assert await gathered(Arrivals(every=1, total=5)) == 5


async def test_nothing_is_waited_for_when_nothing_comes() -> None:
    """Two passes without news are the end, however much comes afterwards."""
    arrivals = Arrivals(every=5, total=100)

    assert await gathered(arrivals) == 0
    assert arrivals.passes < 5


async def test_an_endless_stream_of_opens_does_not_hold_a_commit_back() -> None:
    """There is a last pass, even if each one brings another open."""
    assert await gathered(Arrivals(every=1, total=10**9)) <= MAX_PASSES
