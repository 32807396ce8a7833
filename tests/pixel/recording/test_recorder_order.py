"""Opens are streamed in the order in which they were answered for, across the spool, too."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from pixel_service.open_log import OpenLog, OpenRecord
from pixel_service.recording.recorder import Recorder
from pixel_service.recording.recorder_health import RecorderState
from pixel_service.recording.spool import open_spool
from tests.pixel.open_log.log_values import LogHome, event_ids, new_open, new_opens, read_all
from tests.pixel.recording.test_recorder import blocked_log, follow_until, recording

CLIENTS = 8


@pytest.fixture
def log_home(tmp_path: Path) -> LogHome:
    """Give a place for an SQLite log, whose writing a test can block."""
    return LogHome(url=f"sqlite:///{tmp_path}/opens.db")


def large_opens(count: int) -> list[OpenRecord]:
    """Return *count* opens, of which 2,000 fill a file of the spool."""
    return [new_open(octets=2_000) for _ in range(count)]


def leave_behind(tmp_path: Path, opens: list[OpenRecord]) -> int:
    """Put *opens* into the spool, as a process does that dies; return its size."""
    with open_spool(tmp_path / "spool") as spool:
        for start in range(0, len(opens), 100):
            spool.append(opens[start : start + 100])
        return spool.octets


async def record_one_by_one(recorder: Recorder, stop: asyncio.Event) -> list[OpenRecord]:
    """Record opens, each after the one before was answered for, until *stop*."""
    answered = []
    while not stop.is_set():
        answered.append(new_open())
        await recorder.record(answered[-1:])
    return answered


async def until_direct(recorder: Recorder) -> None:
    """Return once opens go to the log again."""
    while recorder.health.state is not RecorderState.LOG:  # noqa: ASYNC110 - health is all that tells
        await asyncio.sleep(0.01)


async def test_new_opens_stay_behind_what_was_left_in_the_spool(
    log: OpenLog, tmp_path: Path
) -> None:
    """An open that comes while the spool is drained is streamed after what is in there."""
    left = large_opens(6_000)
    leave_behind(tmp_path, left)
    stop = asyncio.Event()

    async with recording(log, tmp_path) as recorder:
        client = asyncio.create_task(record_one_by_one(recorder, stop))
        await asyncio.sleep(0)
        await until_direct(recorder)
        stop.set()
        new = await client

    assert event_ids(await read_all(log)) == event_ids([*left, *new])


async def test_each_clients_opens_keep_their_order_when_the_log_is_late(
    log: OpenLog, tmp_path: Path
) -> None:
    """Into the spool, out of it, and on to the log again under load: no open overtakes another."""
    stop = asyncio.Event()
    async with recording(log, tmp_path) as recorder:
        clients = [asyncio.create_task(record_one_by_one(recorder, stop)) for _ in range(CLIENTS)]
        for _ in range(3):
            with blocked_log(tmp_path):
                while recorder.health.state is RecorderState.LOG:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
                spooled = recorder.health.spooled_opens
                while recorder.health.spooled_opens < spooled + 100:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
            # It comes to an end although the load goes on.
            await until_direct(recorder)
        stop.set()
        answered = [event_ids(await client) for client in clients]

    there = event_ids(await read_all(log))
    place = {event_id: index for index, event_id in enumerate(there)}
    assert len(place) == len(there) == sum(map(len, answered))
    for each in answered:
        assert sorted(each, key=place.__getitem__) == each


async def test_a_full_spool_costs_the_order_and_no_open(log: OpenLog, tmp_path: Path) -> None:
    """When there is no room behind the spool, new opens go to the log that answers."""
    left = large_opens(6_000)
    octets = leave_behind(tmp_path, left)

    # No memory either, and a bound that a busy machine does not miss.
    patience = dt.timedelta(seconds=30)
    async with recording(
        log, tmp_path, max_octets=octets, max_held_opens=0, bound=patience
    ) as recorder:
        new = new_opens(50)
        await asyncio.gather(*(recorder.record([open_]) for open_ in new))

        assert set(await follow_until(log, 6_050)) == set(event_ids([*left, *new]))
        assert recorder.health.lost_opens == 0
