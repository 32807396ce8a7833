"""The spool of versions before the journal is adopted: whole, torn or damaged."""

import contextlib
import datetime as dt
import fcntl
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pixel_service.open_log import OpenLog, OpenRecord
from pixel_service.recording.appending import Appender
from pixel_service.recording.old_spool import adopt_spool, decode_open
from service_runtime.times import microseconds_of
from tests.pixel.open_log.log_values import LogHome, event_ids, new_opens, read_all


def encoded(open_: OpenRecord) -> bytes:
    """Return *open_* as the older version wrote it."""
    event_id, configuration_id = open_.event_id.encode(), open_.configuration_id.encode()
    head = struct.pack(
        ">qBBBBBBI",
        microseconds_of(open_.open_time),
        open_.notified | (2 if open_.message_key is not None else 0),
        open_.agent,
        open_.confidence,
        len(event_id),
        len(configuration_id),
        0,
        len(open_.notification),
    )
    return b"".join(
        (head, event_id, configuration_id, open_.message_key or b"", open_.notification)
    )


def a_spool_file(
    folder: Path, opens: Sequence[OpenRecord], *, slot: int = 0, number: int = 1
) -> Path:
    """Leave *opens* in the spool, as a process of the older version does that dies."""
    path = folder / f"slot-{slot:03}" / f"{number:012}.spool"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"".join(
            struct.pack(">II", len(payload), zlib.crc32(payload)) + payload
            for payload in map(encoded, opens)
        )
    )
    return path


async def adopt_all(folder: Path, log: OpenLog) -> None:
    """Adopt whatever there is."""
    appender = Appender(log)
    while await adopt_spool(folder, appender):
        pass


async def test_everything_that_was_spooled_is_in_the_log(log: OpenLog, tmp_path: Path) -> None:
    """All slots' files are adopted, oldest first, and leave nothing."""
    opens = new_opens(6)
    paths = [
        a_spool_file(tmp_path, opens[:2]),
        a_spool_file(tmp_path, opens[2:4], number=2),
        a_spool_file(tmp_path, opens[4:], slot=1),
    ]
    await adopt_all(tmp_path, log)

    assert event_ids(await read_all(log)) == event_ids(opens)
    assert not any(path.exists() for path in paths)


async def test_what_the_log_has_already_is_skipped(log: OpenLog, tmp_path: Path) -> None:
    """A file whose opens reached the log before its process died adds none twice."""
    opens = new_opens(3)
    await log.append(opens[:2])
    a_spool_file(tmp_path, opens)
    await adopt_all(tmp_path, log)

    assert event_ids(await read_all(log)) == event_ids(opens)


@pytest.mark.parametrize("length", [0, 20, 1_000_000, 4_000_000_000])
async def test_flipped_length_is_said_and_nothing_is_removed(
    log: OpenLog, tmp_path: Path, length: int
) -> None:
    """A length that is not what was written costs no file: it is set aside, and named."""
    opens = new_opens(3)
    path = a_spool_file(tmp_path, opens)
    octets = bytearray(path.read_bytes())
    start = 8 + len(encoded(opens[0]))
    octets[start : start + 4] = length.to_bytes(4)
    path.write_bytes(octets)
    with structlog.testing.capture_logs() as logs:
        await adopt_all(tmp_path, log)

    assert event_ids(await read_all(log)) == event_ids(opens[:1])
    assert [entry["event"] for entry in logs] == ["spool file damaged"]
    assert path.with_suffix(".damaged").read_bytes() == octets


async def test_opens_that_the_database_refuses_hold_up_no_others(
    postgres_home: LogHome, tmp_path: Path
) -> None:
    """Their file is set aside, and all the rest of the spool is in the log."""
    opens = new_opens(5)
    refused = new_opens(1, configuration_id="ne\0ws")
    path = a_spool_file(tmp_path, [*opens[:2], *refused, opens[2]])
    a_spool_file(tmp_path, opens[3:], number=2)
    async with postgres_home.connect() as log:
        with structlog.testing.capture_logs() as logs:
            await adopt_all(tmp_path, log)
        there = event_ids(await read_all(log))

    assert there == event_ids(opens)
    assert [entry["event"] for entry in logs] == ["opens refused by the log's database"]
    assert path.with_suffix(".damaged").exists()


async def test_zeros_at_the_end_are_no_damage(log: OpenLog, tmp_path: Path) -> None:
    """What a file system fills up after a crash is nobody's open."""
    opens = new_opens(2)
    path = a_spool_file(tmp_path, opens)
    path.write_bytes(path.read_bytes() + bytes(4_096))
    await adopt_all(tmp_path, log)

    assert event_ids(await read_all(log)) == event_ids(opens)
    assert not path.exists()


@pytest.mark.parametrize("name", ["hello.spool", "1.spool", "notes.txt"])
async def test_foreign_files_are_left_alone(log: OpenLog, tmp_path: Path, name: str) -> None:
    """A file that is none of ours ends nothing, and stays."""
    opens = new_opens(1)
    path = a_spool_file(tmp_path, opens)
    (path.parent / name).write_text("hello")
    await adopt_all(tmp_path, log)

    assert event_ids(await read_all(log)) == event_ids(opens)
    assert (path.parent / name).read_text() == "hello"


async def test_spool_of_a_running_process_is_its_own(log: OpenLog, tmp_path: Path) -> None:
    """While a process of the older version lives, nobody touches what it writes."""
    path = a_spool_file(tmp_path, new_opens(1))
    descriptor = os.open(path.parent / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    await adopt_all(tmp_path, log)
    assert path.exists()

    os.close(descriptor)
    await adopt_all(tmp_path, log)
    assert not path.exists()


OPENS = st.builds(
    OpenRecord,
    event_id=st.text("abc:0", min_size=1, max_size=30),
    configuration_id=st.text(max_size=40),
    open_time=st.datetimes(timezones=st.just(dt.UTC)),
    message_key=st.none() | st.binary(min_size=16, max_size=16),
    source_key=st.none(),
    agent=st.integers(0, 9),
    confidence=st.integers(0, 3),
    notified=st.booleans(),
    notification=st.binary(min_size=1, max_size=500),
)


@given(open_=OPENS)
def test_an_open_comes_back_as_it_was(open_: OpenRecord) -> None:
    """Octets hold the whole open, all but the source key."""
    assert decode_open(encoded(open_)) == open_


@given(octets=st.binary(max_size=200))
def test_other_octets_are_no_open(octets: bytes) -> None:
    """Octets that hold no open are refused with a ValueError, and nothing else."""
    with contextlib.suppress(ValueError):
        assert encoded(decode_open(octets))
