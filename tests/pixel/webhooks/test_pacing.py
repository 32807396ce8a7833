"""Deliveries slow down while the process has something else to do."""

import asyncio

from pixel_service.webhooks.pacing import Pace


class Loop:
    """A clock that stands still but for pauses, which may take longer than they should."""

    def __init__(self) -> None:
        self.now = 0.0
        self.late = 0.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + self.late
        await asyncio.sleep(0)


async def test_nothing_is_slowed_while_there_is_time() -> None:
    """A loop that is on time makes nobody pause."""
    loop = Loop()
    pace = Pace(clock=loop.time, sleep=loop.sleep)
    for _ in range(100):
        await pace.turn()

    assert loop.now == 0


async def test_late_loop_makes_pauses_within_bounds_and_they_end_again() -> None:
    """They grow to a hundredth of a second at most, and go when the loop is on time again."""
    loop = Loop()
    pace = Pace(clock=loop.time, sleep=loop.sleep)
    loop.late = 0.01
    pauses = []
    for _ in range(8):
        await pace.turn()
        pauses.append(pace.pause_seconds)
    loop.late = 0.0
    for _ in range(200):
        await pace.turn()

    assert pauses == [0.001, 0.002, 0.004, 0.008, 0.01, 0.01, 0.01, 0.01]
    assert pace.pause_seconds == 0


async def test_turns_come_in_the_order_in_which_they_are_asked_for() -> None:
    """Nobody who waits is passed over, however swift another receiver is."""
    loop = Loop()
    pace = Pace(clock=loop.time, sleep=loop.sleep)
    order: list[int] = []

    async def take(number: int) -> None:
        for _ in range(3):
            await pace.turn()
            order.append(number)

    await asyncio.gather(*map(take, range(4)))

    assert order == [0, 1, 2, 3] * 3


async def test_end_keeps_nobody_waiting() -> None:
    """Whoever waits for a turn when the process stops is let go at once."""
    loop = Loop()
    pace = Pace(clock=loop.time, sleep=loop.sleep)
    pace.pause_seconds = 0.02
    pace.end()
    await asyncio.gather(*(pace.turn() for _ in range(200)))

    assert loop.now == 0
