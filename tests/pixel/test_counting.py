"""Opens are counted for statistics beside everything else, by one process of several."""

import asyncio
import contextlib
import itertools
import sqlite3
from pathlib import Path

import pytest
import structlog

from pixel_service.counting import Counting
from pixel_service.open_log import OpenLog
from pixel_service.open_log.sql.pacing import Rest
from pixel_service.open_log.sql.statistics import store
from pixel_service.open_log.statistics import REST_STEP_ENTRIES, STEP_ENTRIES
from service_runtime.background import kept_running
from tests.pixel.open_log.log_values import LogHome, read_all
from tests.pixel.open_log.statistics_values import ask, counted_open, total

_REFUSE = (
    "CREATE TRIGGER refuse BEFORE INSERT ON open_statistics BEGIN SELECT RAISE(ABORT, 'no'); END"
)


def alter(folder: Path, statement: str) -> None:
    """Carry out *statement* on the log of a test."""
    with contextlib.closing(sqlite3.connect(folder / "opens.db")) as connection, connection:
        connection.execute(statement)


async def until_counted(log: OpenLog, opens: int) -> None:
    """Wait until so many opens are counted.

    Nothing else tells: on PostgreSQL an open may be hidden for a moment, by a step of counting,
    too, and waits to be counted without being seen to.
    """
    while (await total(log)).opens != opens:  # noqa: ASYNC110 - only looking tells
        await asyncio.sleep(0.01)


async def append_seen(log: OpenLog, opens: int) -> None:
    """Append so many opens, and wait until readers see them.

    On PostgreSQL a transaction of anybody else hides them as long as it runs.
    """
    wanted = len(await read_all(log)) + opens
    await log.append([counted_open() for _ in range(opens)])
    while len(await read_all(log)) != wanted:  # noqa: ASYNC110 - only looking tells
        await asyncio.sleep(0.01)


async def test_a_log_is_counted_from_its_beginning_and_followed(log_home: LogHome) -> None:
    """What it held before counts, and so does what comes."""
    async with log_home.connect() as log:
        await log.append([counted_open() for _ in range(300)])
    async with (
        log_home.connect() as log,
        kept_running("test", Counting(open_log=log, interval_seconds=0.01).count),
    ):
        await until_counted(log, 300)
        await log.append([counted_open()])
        await until_counted(log, 301)


async def test_opens_are_counted_faster_while_none_are_recorded(
    sqlite_home: LogHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In large steps without long pauses, until an open is recorded: the next step is small."""
    seconds = itertools.count(step=2)
    monkeypatch.setattr(store, "Rest", lambda: Rest(clock=lambda: float(next(seconds))))
    async with sqlite_home.connect() as log:
        await log.append([counted_open() for _ in range(2_000)])
        steps: list[int] = []
        async for step in log.statistics.count():
            if len(steps) == 2:
                await log.append([counted_open()])
            steps.append(step)

    small, large = STEP_ENTRIES, REST_STEP_ENTRIES
    assert steps == [small, small, large, small, large, large, 2_001 - 3 * (small + large)]


async def test_counting_waits_while_recording_is_late(log_home: LogHome) -> None:
    """What waits to be recorded has the log to itself, before the first step and between them."""
    late = [False, True, True, False, True, True]
    async with log_home.connect() as log:
        await append_seen(log, 150)
        counting = Counting(
            open_log=log,
            is_recording_late=lambda: bool(late) and late.pop(),
            interval_seconds=0.0,
        )
        assert await counting.count_once()
        await until_counted(log, 150)

    assert late == []


async def test_one_process_leaves_the_counting_to_another(log_home: LogHome) -> None:
    """A process that was overtaken looks on, until nobody counts any more."""
    async with log_home.connect_twice() as (log, other):
        first, second = Counting(open_log=log), Counting(open_log=other)
        assert await first.count_once()
        assert await second.count_once()

        await append_seen(log, 1)
        assert await first.count_once()
        await append_seen(log, 1)
        assert not await second.count_once()
        assert (await ask(log)).uncounted == 1
        assert await second.count_once()
        assert (await ask(log)).uncounted == 0


async def test_counting_that_fails_is_said_once_and_goes_on(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """Nothing is lost by it, nothing counts twice, and recording goes on meanwhile."""
    async with sqlite_home.connect() as log:
        await log.append([counted_open()])
        alter(tmp_path, _REFUSE)
        with structlog.testing.capture_logs() as logs:
            async with kept_running("test", Counting(open_log=log, interval_seconds=0.01).count):
                while not logs:  # noqa: ASYNC110 - only looking tells
                    await asyncio.sleep(0.01)
                await log.append([counted_open()])
                alter(tmp_path, "DROP TRIGGER refuse")
                await until_counted(log, 2)

    assert [each["event"] for each in logs][:1] == ["opens not counted"]
