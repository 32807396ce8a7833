"""A clock that goes back: times never do, but for those that were ahead for an hour."""

import contextlib
import datetime as dt
import itertools
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from pixel_service.open_log import BEGINNING, OpenLog
from pixel_service.open_log.sqlite import recording_time
from service_runtime.times import microseconds_of, time_of
from tests.pixel.open_log.log_values import LogHome, new_opens, trim

NOW = microseconds_of(dt.datetime(2024, 3, 1, tzinfo=dt.UTC))
TEN_YEARS = 10 * 365 * 86_400 * 1_000_000
SECOND = 1_000_000


class Clock:
    """Shows what the test says, and is believed at once or never."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.is_believed(at_once=False)
        self.shows(NOW)

    def shows(self, microseconds: int) -> None:
        self._patch.setattr(recording_time, "now_us", lambda: microseconds)

    def is_believed(self, *, at_once: bool) -> None:
        seconds = 0.0 if at_once else 1e9
        self._patch.setattr(recording_time, "_BELIEVED_SECONDS", seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def times_in(folder: Path) -> Sequence[int]:
    """Return the recording times along the log, in seconds from `NOW`."""
    with contextlib.closing(sqlite3.connect(folder / "opens.db")) as connection:
        rows = connection.execute("SELECT recorded_us FROM opens ORDER BY sequence")
        return [(each[0] - NOW) // SECOND for each in rows]


async def append_one_at(log: OpenLog, clock: Clock, microseconds: int) -> None:
    clock.shows(microseconds)
    await log.append(new_opens(1))


async def test_clock_that_is_set_back_a_little_changes_nothing(
    sqlite_home: LogHome, tmp_path: Path, clock: Clock
) -> None:
    """Times wait for it, and nobody is told."""
    clock.is_believed(at_once=True)
    with structlog.testing.capture_logs() as said:
        async with sqlite_home.connect() as log:
            for seconds in (0, -50, -50, 1):
                await append_one_at(log, clock, NOW + seconds * SECOND)

    assert times_in(tmp_path) == [0, 0, 0, 1]
    assert said == []


async def test_clock_that_is_behind_for_a_while_changes_nothing(
    sqlite_home: LogHome, tmp_path: Path, clock: Clock
) -> None:
    """A machine that starts in 1970 makes no open old, so that retention keeps them all."""
    with structlog.testing.capture_logs() as said:
        async with sqlite_home.connect() as log:
            for microseconds in (NOW, 0, SECOND, NOW + SECOND):
                await append_one_at(log, clock, microseconds)

    assert times_in(tmp_path) == [0, 0, 0, 1]
    assert [each["event"] for each in said] == ["log's time is ahead of the clock"]


async def test_clock_that_was_ahead_pins_no_time(
    sqlite_home: LogHome,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was recorded in ten years is put right step by step, and retention gets at it."""
    monkeypatch.setattr(recording_time, "_STEP", 3)
    with structlog.testing.capture_logs() as said:
        async with sqlite_home.connect() as log:
            await append_one_at(log, clock, NOW)
            for seconds in range(8):
                await append_one_at(log, clock, NOW + TEN_YEARS + seconds * SECOND)
            clock.is_believed(at_once=True)
            seen = []
            for seconds in range(1, 7):
                await append_one_at(log, clock, NOW + seconds * SECOND)
                seen.append(times_in(tmp_path))

            assert time_of(NOW) == (await log.stats()).earliest_time
            assert (await trim(log, older_than=dt.timedelta())).entries == len(seen[-1])
            assert await log.lag(BEGINNING) == 0

    assert all(earlier <= later for each in seen for earlier, later in itertools.pairwise(each))
    assert max(seen[-1]) == 6
    assert [each["event"] for each in said] == [
        "log's time is ahead of the clock",
        "log's time is put right",
    ]
