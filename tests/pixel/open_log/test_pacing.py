"""Long work takes its share of the time, and no more."""

from pixel_service.open_log.sql.pacing import Pace, Rest
from pixel_service.open_log.values import BEGINNING, Position


class Clock:
    """Time that goes on when a test says so, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_a_step_is_followed_by_a_pause_of_its_length_times_the_rest() -> None:
    """At a quarter of the time, three times as long; the pause itself does not count as work."""
    clock = Clock()
    pace = Pace(share=0.25, clock=clock.read, sleep=clock.sleep)
    for step in (0.01, 0.02, 0.0):
        clock.now += step
        await pace.pause()

    assert [round(each, 9) for each in clock.slept] == [0.03, 0.06, 0.0]


async def test_no_pause_is_longer_than_a_second() -> None:
    """A disk that stalls once does not keep the work waiting for minutes."""
    clock = Clock()
    pace = Pace(share=0.1, clock=clock.read, sleep=clock.sleep)
    clock.now += 500
    await pace.pause()

    assert clock.slept == [1.0]


async def test_work_that_does_not_end_takes_most_of_the_time_after_ten_minutes() -> None:
    """Retention must not fall behind a recording that is faster than a quarter of its time."""
    clock = Clock()
    pace = Pace(share=0.25, clock=clock.read, sleep=clock.sleep)
    while clock.now < 700:
        clock.now += 0.3
        await pace.pause()

    assert round(clock.slept[0], 9) == 0.9
    assert round(clock.slept[-1], 9) == 0.1


async def test_work_that_is_alone_takes_most_of_the_time() -> None:
    """Three quarters, for as long as it is; beside others it takes its share again at once."""
    clock = Clock()
    pace = Pace(share=0.25, clock=clock.read, sleep=clock.sleep)
    for is_alone in (True, False):
        clock.now += 0.3
        await pace.pause(is_alone=is_alone)

    assert [round(each, 9) for each in clock.slept] == [0.1, 0.9]


def test_a_log_is_at_rest_after_a_second_without_an_open() -> None:
    """One that is found at rest is so no longer with the first open that comes."""
    clock = Clock()
    rest = Rest(clock=clock.read)
    seen = []
    for seconds, end in ((0.9, 0), (0.2, 0), (5.0, 1), (0.9, 1), (0.2, 1), (0.2, 2)):
        clock.now += seconds
        seen.append(rest.has_come(Position(0, end) if end else BEGINNING))

    assert seen == [False, True, False, False, True, False]
