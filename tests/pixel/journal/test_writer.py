"""Appending to a journal: durable when it says so, whatever the disk does."""

import asyncio
import datetime as dt
import os
import random
from pathlib import Path

import pytest
import structlog

from pixel_service.journal import Journals, JournalState, upkeep
from pixel_service.journal.disk import Disk
from pixel_service.journal.segment import rotation_request, segments_of
from pixel_service.journal.segment_writer import SegmentWriter
from tests.pixel.journal.disks import (
    JOURNAL_ID,
    FailingDisk,
    ForgetfulDisk,
    a_folder,
    a_journal,
    everything_in,
    read_all,
    reader_of,
    until,
    until_done,
)


def some(count: int, start: int = 0) -> list[bytes]:
    return [b"entry %d " % number * 10 for number in range(start, start + count)]


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "journal")


async def test_what_is_done_is_on_the_disk_in_its_order(journals: Journals) -> None:
    """Entries that were appended at once are read in the order in which they came."""
    async with a_journal(journals) as journal:
        await until_done([journal.append(entry) for entry in some(3_000)])
        (found,) = journals.found()
        live = read_all(reader_of(found.folder))
        assert not found.is_abandoned()

        assert live == some(3_000)
        assert journal.health.appended == 3_000


async def test_journal_of_a_dead_process_is_abandoned(journals: Journals) -> None:
    """Whoever reads can tell a journal that goes on from one that does not."""
    async with a_journal(journals) as journal:
        await journal.append(b"entry")
    (found,) = journals.found()

    assert found.is_abandoned()
    assert everything_in(journals) == [b"entry"]


async def test_nothing_waits_for_the_same_sync(journals: Journals) -> None:
    """What appends nothing waits as long as what appends, and leaves nothing."""
    disk = FailingDisk()
    async with a_journal(journals, disk=disk) as journal:
        disk.hangs.clear()
        nothing = journal.sync()
        await asyncio.sleep(0)
        entry = journal.append(b"entry")
        done, _ = await asyncio.wait({nothing, entry}, timeout=0.05)
        assert not done
        disk.hangs.set()
        await until_done([nothing, entry])

    assert everything_in(journals) == [b"entry"]


async def test_cancelling_takes_nothing_back(journals: Journals) -> None:
    """An entry whose client has left is written, and disturbs no other."""
    async with a_journal(journals) as journal:
        first, second = journal.append(b"first"), journal.append(b"second")
        first.cancel()
        await second

    assert everything_in(journals) == [b"first", b"second"]


@pytest.mark.parametrize("fails", [False, True])
async def test_answer_that_fails_keeps_nobody_else_waiting(
    journals: Journals, *, fails: bool
) -> None:
    """Whatever becomes of one client, the others are answered, and the journal goes on."""

    def fail() -> None:
        raise RuntimeError("the client is gone")

    disk = FailingDisk()
    disk.fails.update({"create"} if fails else ())
    with structlog.testing.capture_logs() as logs:
        async with a_journal(journals, disk=disk) as journal:
            journal.append_for(b"first", fail)
            await journal.append(b"second")
            disk.fails.clear()
            await journal.append(b"third")
            await until(lambda: journal.health.state is JournalState.DURABLE)

    assert everything_in(journals) == [b"first", b"second", b"third"]
    assert [each["event"] for each in logs].count("journal's answer failed") == 1


@pytest.mark.parametrize("call", ["create", "write", "sync"])
async def test_one_failure_costs_nothing(journals: Journals, call: str) -> None:
    """After a failed call the batch is in a new segment before anybody is told; once."""
    disk = FailingDisk()
    async with a_journal(journals, disk=disk) as journal:
        await until_done([journal.append(entry) for entry in some(10)])
        disk.fail_once.add(call)
        await until_done([journal.append(entry) for entry in some(10, start=10)])
        assert journal.health.state is JournalState.DURABLE
        await until_done([journal.append(entry) for entry in some(10, start=20)])

    assert everything_in(journals) == some(30)


@pytest.mark.parametrize("call", ["write", "sync"])
async def test_disk_that_fails_for_a_while_costs_nothing(journals: Journals, call: str) -> None:
    """What comes while the disk fails is held, is said to be, and written afterwards; once."""
    disk = FailingDisk()
    async with a_journal(journals, disk=disk) as journal:
        await journal.append(some(1)[0])
        disk.fails |= {call, "create"}
        await until_done([journal.append(entry) for entry in some(10, start=1)])
        await journal.sync()
        assert journal.health.state is JournalState.MEMORY
        assert journal.health.held == 10
        disk.fails.clear()
        await until(lambda: journal.health.state is JournalState.DURABLE)
        await journal.append(some(1, start=11)[0])
        assert (journal.health.held, journal.health.lost) == (0, 0)

    assert everything_in(journals) == some(12)


async def test_filler_that_failed_takes_no_entry_s_number(journals: Journals) -> None:
    """A sync of nothing that failed may be readable; what follows is read all the same."""
    disk = FailingDisk()
    async with a_journal(journals, disk=disk) as journal:
        await journal.append(b"first")
        (found,) = journals.found()
        reader = reader_of(found.folder)
        disk.fails |= {"sync", "create"}
        await journal.sync()
        assert read_all(reader) == [b"first"]
        disk.fails.clear()
        await until(lambda: journal.health.state is JournalState.DURABLE)
        await journal.append(b"second")

        assert read_all(reader) == [b"second"]
        assert reader.missing == 0


async def test_loss_is_counted_exactly(journals: Journals) -> None:
    """What does not fit into memory while the disk fails is lost, and counted to one."""
    disk = FailingDisk()
    async with a_journal(journals, disk=disk, max_held=50) as journal:
        disk.fails.add("create")
        await journal.append(some(1)[0])
        await until_done([journal.append(entry) for entry in some(99, start=1)])
        assert journal.health.state is JournalState.LOSING
        assert (journal.health.held, journal.health.lost) == (50, 50)
        disk.fails.clear()
        await until(lambda: journal.health.state is JournalState.DURABLE)

    assert everything_in(journals) == some(50)


async def test_mark_is_no_entry_whatever_becomes_of_it(journals: Journals) -> None:
    """A mark is written in its place, once; it is never counted as durable, held or lost."""
    disk = FailingDisk()
    async with a_journal(journals, disk=disk, max_held=5) as journal:
        entry = journal.append(b"first")
        journal.append_mark(b"mark")
        await until_done([entry, journal.append(b"second")])
        assert journal.health.appended == 2

        # It waits with a batch that fails.
        disk.fails.add("create")
        disk.fail_once.add("sync")
        entry = journal.append(b"third")
        journal.append_mark(b"mark in between")
        await entry
        assert (journal.health.held, journal.health.lost) == (1, 0)
        # There is no room for those that come meanwhile.
        journal.append_mark(b"mark while the disk fails")
        await until_done([journal.append(each) for each in some(5)])
        assert (journal.health.held, journal.health.lost) == (5, 1)
        disk.fails.clear()
        await until(lambda: journal.health.state is JournalState.DURABLE)
        assert journal.health.appended == 2 + 5

    assert journal.health.lost == 1
    assert [each for each in everything_in(journals) if each not in some(5)] == [
        *(b"first", b"mark", b"second", b"third", b"mark in between")
    ]


async def test_last_word_about_a_loss_is_exact(journals: Journals) -> None:
    """Once the disk takes opens again, or the process ends, all that was lost is said."""
    disk = FailingDisk()
    with structlog.testing.capture_logs() as logs:
        async with a_journal(journals, disk=disk, max_held=50) as journal:
            disk.fails.add("create")
            await until_done([journal.append(entry) for entry in some(100)])
            disk.fails.clear()
            await until(lambda: journal.health.state is JournalState.DURABLE)
            said = [each["lost_opens"] for each in logs if each["event"] == "opens lost"]
            disk.fails |= {"create", "sync"}
            await until_done([journal.append(entry) for entry in some(80, start=100)])

    # The first at once; what follows is said when it is known.
    assert (said[0], said[-1]) == (1, 50)
    assert journal.health.lost == 50 + 80
    assert logs[-1] == {"event": "opens lost", "lost_opens": 130, "log_level": "error"}


@pytest.mark.parametrize("call", ["create", "write", "sync"])
def test_disk_that_fails_for_long_leaves_no_files(tmp_path: Path, call: str) -> None:
    """However often writing fails, there is one line and one file of it, which goes in the end."""
    disk = FailingDisk()
    folder = a_folder(tmp_path)
    writer = SegmentWriter(folder, JOURNAL_ID, disk=disk, max_octets=2**30, segment_octets=4_096)
    writer.write(some(1))
    disk.fails.add(call)
    with structlog.testing.capture_logs() as logs:
        for _ in range(200):
            with pytest.raises(OSError, match="the disk fails"):
                writer.write([b"x" * 4_096])
    left = segments_of(folder)
    disk.fails.clear()
    writer.write([b"x" * 4_096])
    writer.close()

    assert [each["event"] for each in logs] == ["journal cannot be written"]
    assert len(left) == (2 if call == "sync" else 1)
    assert len(segments_of(folder)) == 2
    reader = reader_of(folder)
    assert read_all(reader) == [*some(1), b"x" * 4_096]
    assert reader.missing == 0


def test_disk_without_room_for_a_new_segment_has_the_present_one(tmp_path: Path) -> None:
    """Whoever asks for a new segment on a full disk costs no room that is there."""
    disk = FailingDisk()
    folder = a_folder(tmp_path)
    writer = SegmentWriter(folder, JOURNAL_ID, disk=disk, max_octets=2**30)
    writer.write(some(1))
    disk.fails.add("create")
    with pytest.raises(OSError, match="the disk fails"):
        writer.rotate()
    writer.write(some(1, start=1))
    writer.close()

    assert len(segments_of(folder)) == 1
    assert read_all(reader_of(folder)) == some(2)


async def test_segment_that_goes_while_it_is_read_ends_no_reading(journals: Journals) -> None:
    """What is read from a segment that its writer then gives up comes once; then what follows."""
    disk = FailingDisk()
    read: list[bytes] = []
    async with a_journal(journals, disk=disk) as journal:
        (found,) = journals.found()
        reader = reader_of(found.folder)

        def has_read() -> bool:
            read.extend(read_all(reader))
            return bool(read)

        disk.hangs.clear()
        disk.fails.add("sync")
        appended = [journal.append(entry) for entry in some(2)]
        await until(has_read)
        disk.hangs.set()
        await until_done(appended)
        disk.fails.clear()
        await until(lambda: journal.health.state is JournalState.DURABLE)
        await journal.append(*some(1, start=2))
        read += read_all(reader)

    assert read == some(3)
    assert reader.missing == 0
    assert journals.damaged() == []


async def test_what_is_held_at_the_end_is_lost_and_said(journals: Journals) -> None:
    """A process that ends while its disk fails says how much it takes along."""
    disk = FailingDisk()
    disk.fails.add("create")
    with structlog.testing.capture_logs() as logs:
        async with a_journal(journals, disk=disk) as journal:
            await until_done([journal.append(entry) for entry in some(7)])

    assert journal.health.lost == 7
    assert logs[-1] == {"event": "opens lost", "lost_opens": 7, "log_level": "error"}


async def test_disk_that_hangs_makes_nobody_wait(journals: Journals) -> None:
    """When the disk takes longer than the patience, all are answered, and nothing is lost."""
    disk = FailingDisk()
    async with a_journal(journals, disk=disk, patience=dt.timedelta(milliseconds=50)) as journal:
        await journal.append(some(1)[0])
        disk.hangs.clear()
        await journal.append(some(1, start=1)[0])
        await until_done([journal.append(entry) for entry in some(20, start=2)])
        assert journal.health.state is JournalState.MEMORY
        disk.hangs.set()
        await until(lambda: journal.health.state is JournalState.DURABLE)

    assert everything_in(journals) == some(22)


async def test_full_journal_holds_and_goes_on(journals: Journals) -> None:
    """At its full size a journal takes no more until something of it is recorded."""
    async with a_journal(journals, max_octets=20 * 1024 * 1024) as journal:
        big = [bytes([number]) * 1_000_000 for number in range(1, 18)]
        for entry in big:
            await journal.append(entry)
        assert journal.health.state is JournalState.MEMORY
        (found,) = journals.found()
        reader = reader_of(found.folder)
        read = read_all(reader)
        assert 0 < len(read) < len(big)
        # The present segment is full too; the reader is through with it only when
        # another one follows, and there is room for it once this one is closed.
        assert journal.health.lost == 0

    assert read == big[: len(read)]


async def test_new_segment_on_request(journals: Journals) -> None:
    """A reader that asks gets a new segment, so that it can remove the present one."""
    async with a_journal(journals) as journal:
        await journal.append(b"entry")
        (found,) = journals.found()
        reader = reader_of(found.folder)
        assert read_all(reader) == [b"entry"]
        (first,) = found.folder.glob("*.segment")
        looking = asyncio.create_task(journal.look_after())
        found.ask_for_new_segment()
        while first.exists():
            assert read_all(reader) == []
            await asyncio.sleep(0.01)
        looking.cancel()
        await journal.append(b"later")

        assert read_all(reader) == [b"later"]


class CountingDisk(FailingDisk):
    """Counts how often it was asked for its room."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def free_octets(self, folder: Path) -> int:
        self.looks += 1
        return super().free_octets(folder)


async def test_disk_that_hangs_while_a_new_segment_is_due_gets_one(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it was looked meanwhile, there is one new segment and no more."""
    monkeypatch.setattr(upkeep, "_LOOK_SECONDS", 0.001)
    disk = CountingDisk()
    async with a_journal(journals, disk=disk) as journal:
        await journal.append(b"before")
        disk.hangs.clear()
        hanging = journal.append(b"hanging")
        (found,) = journals.found()
        found.ask_for_new_segment()
        looking = asyncio.create_task(journal.look_after())
        await until(lambda: disk.looks > 20)
        looking.cancel()
        disk.hangs.set()
        await hanging
        await journal.append(b"after")
        segments = found.segments()

    assert len(segments) == 2
    assert everything_in(journals) == [b"before", b"hanging", b"after"]


async def test_request_that_cannot_be_removed_ends_no_writing(journals: Journals) -> None:
    """Whatever the disk refuses, what is appended afterwards is durable."""
    async with a_journal(journals) as journal:
        await journal.append(b"before")
        (found,) = journals.found()
        rotation_request(found.folder).mkdir()
        looking = asyncio.create_task(journal.look_after())
        await until(lambda: len(found.segments()) > 1)
        looking.cancel()
        await journal.append(b"after")

    assert everything_in(journals) == [b"before", b"after"]


async def test_disk_that_takes_no_new_segment_is_said_to_once(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is tried with every look is said once to fail, and once to work again."""
    monkeypatch.setattr(upkeep, "_LOOK_SECONDS", 0.001)
    disk = CountingDisk()
    with structlog.testing.capture_logs() as logs:
        async with a_journal(journals, disk=disk) as journal:
            await journal.append(b"before")
            (found,) = journals.found()
            disk.fails.add("create")
            found.ask_for_new_segment()
            looking = asyncio.create_task(journal.look_after())
            await until(lambda: disk.looks > 3)
            # The thread that writes has made all attempts that were asked for before.
            await journal.append(b"after")
            disk.fails.clear()
            await until(lambda: len(found.segments()) > 1)
            looking.cancel()

    said = [line["event"] for line in logs]
    assert said.count("journal begins no new segment") == 1
    assert said.count("journal begins new segments again") == 1


async def test_little_room_is_noticed_before_there_is_none(journals: Journals) -> None:
    """A disk that is nearly full is said to be, while everything is still durable."""
    async with a_journal(journals, min_free_octets=2**62) as journal:
        looking = asyncio.create_task(journal.look_after())
        await until(lambda: not journal.health.has_room)
        looking.cancel()

        assert journal.health.state is JournalState.DURABLE


def test_journal_syncs_before_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a write returns, the file, its name and the octets have been synced."""
    steps: list[str] = []

    def noted(name: str, function):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - os's own
        def call(*arguments: object) -> object:
            steps.append(name)
            return function(*arguments)

        return call

    for name in ("pwrite", "fdatasync", "fsync"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    writer = SegmentWriter(a_folder(tmp_path), JOURNAL_ID, disk=Disk(), max_octets=2**30)
    writer.write(some(3))
    writer.write(some(3))
    writer.close()

    # The header, the file, its folder; then each batch.
    assert steps == ["pwrite", "fsync", "fsync", *["pwrite", "fdatasync"] * 2]


@pytest.mark.parametrize("seed", range(60))
def test_power_loss_takes_nothing_that_was_promised(tmp_path: Path, seed: int) -> None:
    """After power loss, whatever of the last write remains, all that was synced is read, once."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    disk = ForgetfulDisk()
    folder = a_folder(tmp_path)
    writer = SegmentWriter(folder, JOURNAL_ID, disk=disk, max_octets=2**30, segment_octets=16_384)
    promised: list[bytes] = []
    started: list[bytes] = []
    for _ in range(chance.randrange(1, 30)):
        batch = [
            b"%d " % (len(started) + index) * chance.randrange(1, 300)
            for index in range(chance.randrange(9))
        ]
        disk.fails = chance.random() < 0.1
        started += batch
        try:
            writer.write(batch)
        except OSError:
            break
        promised += batch
    disk.lose_power(chance)
    reader = reader_of(folder)
    found = read_all(reader)

    assert found[: len(promised)] == promised
    assert [entry for entry in started if entry in found] == found
    assert reader.missing == 0
