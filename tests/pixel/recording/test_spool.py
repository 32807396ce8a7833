"""The spool: what was written is there after any crash; what was torn is not believed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_service.open_log import OpenRecord
from pixel_service.open_log.open_codec import decode_open, encode_open
from pixel_service.recording.spool import Spool, SpoolFull, open_spool
from tests.pixel.open_log.log_values import NOON, event_ids, new_open, new_opens


def drain(spool: Spool) -> list[OpenRecord]:
    """Return everything in the spool, and empty it."""
    opens: list[OpenRecord] = []
    while (spooled := spool.oldest()) is not None:
        opens += spooled.opens
        spool.remove(spooled)
    return opens


def only_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.spool")
    return path


opens_of_any_kind = st.builds(
    OpenRecord,
    event_id=st.text(max_size=60),
    configuration_id=st.text(max_size=60),
    open_time=st.datetimes(timezones=st.just(NOON.tzinfo)),
    message_key=st.none() | st.binary(min_size=16, max_size=16),
    source_key=st.none() | st.binary(max_size=64),
    agent=st.integers(0, 255),
    confidence=st.integers(0, 255),
    notified=st.booleans(),
    notification=st.binary(min_size=1, max_size=3_000),
)


@given(opens_of_any_kind)
def test_an_open_comes_back_as_it_was(open_: OpenRecord) -> None:
    """Octets hold the whole open; on a disk, all but the source key."""
    assert decode_open(encode_open(open_, with_source=True)) == open_
    on_disk = decode_open(encode_open(open_, with_source=False))
    assert on_disk.source_key is None
    assert (on_disk.event_id, on_disk.notification) == (open_.event_id, open_.notification)


@given(st.binary(max_size=200))
def test_other_octets_are_no_open(octets: bytes) -> None:
    """Octets that hold no open are refused with a ValueError, and nothing else."""
    try:
        decode_open(octets)
    except ValueError:
        return


def test_the_spool_keeps_the_order(tmp_path: Path) -> None:
    """Opens come back in the order in which they went in, also across files."""
    opens = [new_open(notification=b"x" * 2_000) for _ in range(5_000)]
    with open_spool(tmp_path / "spool") as spool:
        for start in range(0, 5_000, 500):
            spool.append(opens[start : start + 500])
        assert len(list(tmp_path.rglob("*.spool"))) > 2

        assert event_ids(drain(spool)) == event_ids(opens)
        assert spool.is_empty


def test_appending_goes_on_while_draining(tmp_path: Path) -> None:
    """What is appended after a file was taken for draining is in a later one."""
    opens = new_opens(4)
    with open_spool(tmp_path / "spool") as spool:
        spool.append(opens[:2])
        spooled = spool.oldest()
        assert spooled is not None
        spool.append(opens[2:])
        assert event_ids(spooled.opens) == event_ids(opens[:2])
        spool.remove(spooled)

        assert event_ids(drain(spool)) == event_ids(opens[2:])


def test_the_spool_refuses_what_does_not_fit(tmp_path: Path) -> None:
    """Over its bound the spool takes nothing, and takes again once it was drained."""
    with open_spool(tmp_path / "spool", max_octets=500) as spool:
        spool.append([new_open(notification=b"x" * 300)])
        with pytest.raises(SpoolFull):
            spool.append([new_open(notification=b"x" * 300)])
        drain(spool)
        spool.append([new_open(notification=b"x" * 300)])


@pytest.mark.parametrize("torn", [1, 7, 8, 9, 40])
def test_a_torn_tail_is_ignored(tmp_path: Path, torn: int) -> None:
    """After a crash in the middle of writing, all whole opens come back."""
    opens = new_opens(5)
    with open_spool(tmp_path / "spool") as spool:
        spool.append(opens)
    path = only_file(tmp_path)
    os.truncate(path, path.stat().st_size - torn)

    with open_spool(tmp_path / "spool") as spool:
        assert event_ids(drain(spool)) == event_ids(opens[:4])
    assert not list(tmp_path.rglob("*.damaged"))


def test_zeros_where_data_did_not_arrive_are_ignored(tmp_path: Path) -> None:
    """A file that the file system filled up with zeros ends where its opens end."""
    opens = new_opens(5)
    with open_spool(tmp_path / "spool") as spool:
        spool.append(opens)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(5_000))

    with open_spool(tmp_path / "spool") as spool:
        assert event_ids(drain(spool)) == event_ids(opens)


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """What a damaged file still tells is used, and the file is kept for people to look at."""
    opens = new_opens(5)
    with open_spool(tmp_path / "spool") as spool:
        spool.append(opens)
    path = only_file(tmp_path)
    octets = bytearray(path.read_bytes())
    octets[octets.index(opens[2].event_id.encode())] ^= 1
    path.write_bytes(octets)

    with open_spool(tmp_path / "spool") as spool:
        assert event_ids(drain(spool)) == event_ids(opens[:2])
    assert len(list(tmp_path.rglob("*.damaged"))) == 1


def test_two_processes_have_two_slots(tmp_path: Path) -> None:
    """Processes that share a folder do not touch each other's opens while they live."""
    first, second = new_opens(2)
    with open_spool(tmp_path / "spool") as one, open_spool(tmp_path / "spool") as other:
        one.append([first])
        other.append([second])

        assert event_ids(drain(one)) == [first.event_id]
        assert event_ids(drain(other)) == [second.event_id]


def test_a_killed_process_leaves_its_opens_to_the_next(tmp_path: Path) -> None:
    """After kill -9, whoever opens the spool next has everything that was promised."""
    script = (
        "import sys, signal, os, pathlib\n"
        "from pixel_service.recording.spool import open_spool\n"
        "from tests.pixel.open_log.log_values import event_ids, new_opens\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with open_spool(folder) as a, open_spool(folder) as b:\n"
        "    opens = new_opens(20)\n"
        "    a.append(opens[:10])\n"
        "    b.append(opens[10:])\n"
        "    print(*event_ids(opens), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script, str(tmp_path / "spool")],
        stdout=subprocess.PIPE,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert killed.returncode == -signal.SIGKILL

    with open_spool(tmp_path / "spool") as spool:
        assert sorted(event_ids(drain(spool))) == killed.stdout.decode().split()
