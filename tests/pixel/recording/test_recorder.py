"""The recorder: an open is durable before its pixel is served, whatever the log does."""

import asyncio
import contextlib
import datetime as dt
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pixel_service.open_log import LogEntry, OpenLog
from pixel_service.recording.recorder import Recorder
from pixel_service.recording.recorder_health import RecorderState
from pixel_service.recording.spool import DEFAULT_MAX_OCTETS, open_spool
from tests.pixel.open_log.log_values import LogHome, event_ids, new_open, new_opens, read_all

BOUND = dt.timedelta(milliseconds=100)


@pytest.fixture
def log_home(tmp_path: Path) -> LogHome:
    """Give a place for an SQLite log, whose writing a test can block."""
    return LogHome(url=f"sqlite:///{tmp_path}/opens.db")


@contextlib.contextmanager
def blocked_log(tmp_path: Path) -> Iterator[None]:
    """Keep the log from writing for the time of the block, as a stuck disk would."""
    connection = sqlite3.connect(tmp_path / "opens.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


@contextlib.asynccontextmanager
async def recording(
    log: OpenLog,
    tmp_path: Path,
    *,
    max_octets: int = DEFAULT_MAX_OCTETS,
    max_held_opens: int = 1_000,
    bound: dt.timedelta = BOUND,
) -> AsyncIterator[Recorder]:
    with open_spool(tmp_path / "spool", max_octets=max_octets) as spool:
        recorder = Recorder(log, spool, bound=bound, max_held_opens=max_held_opens)
        async with recorder.running():
            yield recorder


async def follow_until(log: OpenLog, count: int) -> list[str]:
    """Return the event IDs in the log once there are *count*."""
    entries: list[LogEntry] = []
    after = await log.earliest()
    while len(entries) < count:
        await log.wait_for_news(after=after)
        page = await log.read(after=after, max_entries=1_000, max_octets=1_000_000)
        entries += page.entries
        after = page.after
    return event_ids(entries)


async def test_a_recorded_open_is_in_the_log(log: OpenLog, tmp_path: Path) -> None:
    """When record returns, a reader sees the open."""
    async with recording(log, tmp_path) as recorder:
        open_ = new_open()
        await recorder.record([open_])

        assert event_ids(await read_all(log)) == [open_.event_id]
        assert recorder.health.recorded_opens == 1
        assert recorder.health.state is RecorderState.LOG


async def test_concurrent_opens_are_all_recorded_in_order(log: OpenLog, tmp_path: Path) -> None:
    """Opens that arrive together are recorded together, each once, as they came."""
    async with recording(log, tmp_path) as recorder:
        opens = new_opens(500)
        await asyncio.gather(*(recorder.record([open_]) for open_ in opens))

        assert event_ids(await read_all(log)) == event_ids(opens)


async def test_one_cancelled_waiter_disturbs_no_other(log: OpenLog, tmp_path: Path) -> None:
    """A client that leaves takes neither its open nor anybody else's along."""
    async with recording(log, tmp_path) as recorder:
        opens = new_opens(20)
        tasks = [asyncio.create_task(recorder.record([open_])) for open_ in opens]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks[1::2])
        await asyncio.wait(tasks)

    assert event_ids(await read_all(log)) == event_ids(opens)


async def test_a_late_log_sends_opens_to_the_spool(log: OpenLog, tmp_path: Path) -> None:
    """While the log is stuck, opens are answered for by the spool and drained afterwards, once."""
    async with recording(log, tmp_path) as recorder:
        first, *opens = new_opens(20)
        with blocked_log(tmp_path):
            await recorder.record([first])
            assert recorder.health.state is RecorderState.SPOOL
            await asyncio.gather(*(recorder.record([open_]) for open_ in opens))
            assert recorder.health.spooled_opens == 20
            assert recorder.health.spooled_octets > 0

        assert await follow_until(log, 20) == event_ids([first, *opens])
        late = new_open()
        await recorder.record([late])
        assert await follow_until(log, 21) == event_ids([first, *opens, late])


async def test_a_spool_that_was_left_behind_is_drained(log: OpenLog, tmp_path: Path) -> None:
    """What a process left in its spool is in the log after the next start."""
    opens = new_opens(2_500)
    with open_spool(tmp_path / "spool") as spool:
        for start in range(0, 2_500, 100):
            spool.append(opens[start : start + 100])

    async with recording(log, tmp_path):
        assert await follow_until(log, 2_500) == event_ids(opens)


async def test_a_full_spool_leaves_opens_in_memory(log: OpenLog, tmp_path: Path) -> None:
    """When the spool is full, too, opens are held and reach the log once it answers."""
    async with recording(log, tmp_path, max_octets=0) as recorder:
        opens = new_opens(10)
        with blocked_log(tmp_path):
            for open_ in opens:
                await recorder.record([open_])
            assert recorder.health.state is RecorderState.MEMORY
            assert recorder.health.held_opens == 10

        assert sorted(await follow_until(log, 10)) == event_ids(opens)
    assert recorder.health.lost_opens == 0


async def test_what_fits_nowhere_is_counted_as_lost(log: OpenLog, tmp_path: Path) -> None:
    """When memory is full as well, the recorder answers, counts the loss, and recovers."""
    async with recording(log, tmp_path, max_octets=0, max_held_opens=4) as recorder:
        opens = new_opens(10)
        with blocked_log(tmp_path):
            for open_ in opens:
                await recorder.record([open_])
            assert recorder.health.state is RecorderState.LOSING
            assert recorder.health.lost_opens == 6

        assert sorted(await follow_until(log, 4)) == event_ids(opens[:4])


async def test_the_end_waits_for_what_is_pending(log: OpenLog, tmp_path: Path) -> None:
    """When the recorder ends, everything that was handed to it is durable."""
    opens = new_opens(50)
    async with recording(log, tmp_path) as recorder:
        tasks = [asyncio.create_task(recorder.record([open_])) for open_ in opens]
        await asyncio.sleep(0)
    await asyncio.wait(tasks)

    assert event_ids(await read_all(log)) == event_ids(opens)


async def test_what_is_held_at_the_end_reaches_the_log(log: OpenLog, tmp_path: Path) -> None:
    """Opens in memory are not dropped when the process stops as planned."""
    opens = new_opens(5)
    async with recording(log, tmp_path, max_octets=0) as recorder:
        with blocked_log(tmp_path):
            for open_ in opens:
                await recorder.record([open_])

    assert recorder.health.lost_opens + len(await read_all(log)) >= 5
