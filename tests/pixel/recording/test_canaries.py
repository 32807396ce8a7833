"""The age of the last canary tells how old the news is that those who stream have."""

import math
import time
from pathlib import Path

from pixel_service.journal import Journals
from pixel_service.open_log import OpenLog
from pixel_service.privacy import canary_time, decode_open, encode_canary
from pixel_service.recording import opens_of
from pixel_service.recording.canaries import Canaries
from tests.pixel.journal.disks import a_journal, until
from tests.pixel.open_log.log_values import read_all
from tests.pixel.recording.kept_values import kept, recording


class Clock:
    """Goes when the test says so."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)


def test_canary_makes_no_open() -> None:
    """No stream, list or count has it, and no kept open is taken for one."""
    octets = encode_canary(microseconds(1_000))

    assert opens_of(decode_open(octets)) == []
    assert canary_time(octets) == decode_open(octets).open_us == microseconds(1_000)
    assert canary_time(kept()) is None


def test_age_grows_until_a_reading_that_began_after_the_commit() -> None:
    """A canary that is in the log and that nobody has read since has not come through."""
    wall_clock, clock = Clock(1_000), Clock(10)
    canaries = Canaries(wall_clock=wall_clock, clock=clock)
    canaries.expect("a")
    wall_clock.now = 1_005
    canaries.committed("a", microseconds(1_004))

    assert canaries.age_seconds(read_at=9.9) == 5
    assert canaries.age_seconds(read_at=10) == 1


def test_age_is_that_of_the_journal_that_is_the_latest() -> None:
    """One endpoint whose opens do not get through is not hidden by the others."""
    wall_clock = Clock(1_000)
    canaries = Canaries(wall_clock=wall_clock, clock=Clock(10))
    canaries.expect("a")
    canaries.expect("b")
    wall_clock.now = 1_060
    canaries.committed("a", microseconds(1_059))

    assert canaries.age_seconds(read_at=20) == 60
    canaries.forget("b")
    assert canaries.age_seconds(read_at=20) == 1
    canaries.forget("a")
    assert canaries.age_seconds(read_at=20) == 0


def test_age_is_right_however_seldom_it_is_asked_for() -> None:
    """A scrape a minute sees the last that has come through, not the one it saw before."""
    wall_clock, clock = Clock(1_000), Clock(0)
    canaries = Canaries(wall_clock=wall_clock, clock=clock)
    canaries.expect("a")
    for second in range(5, 65, 5):
        wall_clock.now, clock.now = 1_000 + second, second
        canaries.committed("a", microseconds(1_000 + second))

    assert canaries.age_seconds(read_at=57) == 5


async def test_canary_is_committed_as_opens_are(log: OpenLog, tmp_path: Path) -> None:
    """It goes from the journal into the log's database, and leaves nothing to read there."""
    journals = Journals(tmp_path / "journal")
    async with recording(log, journals) as recorder, a_journal(journals) as journal:
        await until(lambda: recorder.canaries.age_seconds(read_at=math.inf) > 0)
        # Of a clock that is ahead, so that it is younger than any other.
        await journal.append(encode_canary(microseconds(time.time() + 1_000)))
        await journal.append(kept())
        await until(lambda: recorder.health.recorded == 1)

        assert recorder.canaries.age_seconds(read_at=math.inf) == 0
        assert len(await read_all(log)) == 1
