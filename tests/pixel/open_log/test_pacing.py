"""Long work takes its share of the time, and no more."""

from pixel_service.open_log.sql.pacing import Pace


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
