"""Recording: what a journal keeps is in the log once, in its order, whatever ends in between."""

import asyncio
import contextlib
import functools
import itertools
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import structlog

from pixel_service.errors import LogUnavailable
from pixel_service.journal import Journal, Journals
from pixel_service.journal.segment import Header, header_octets
from pixel_service.open_log import JournalPosition, LogEntry, OpenLog, OpenRecord, OutsideLog
from pixel_service.recording import Recorder
from service_runtime.background import running
from tests.pixel.journal.disks import a_journal, until, until_done
from tests.pixel.open_log.log_values import LogHome, new_opens, read_all
from tests.pixel.recording.kept_values import kept, recording


def ids_of(payloads: Sequence[bytes]) -> list[str]:
    """Return the IDs of kept opens."""
    return [payload[-22:].decode() for payload in payloads]


def open_ids(entries: Sequence[LogEntry]) -> list[str]:
    """Return the IDs of the opens that *entries* notify of."""
    return [
        found[1].decode()
        for entry in entries
        if (found := re.search(rb"(\d{22}):\d", entry.notification))
    ]


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "journal")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep the log from writing for the time of the block, as somebody with its lock does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def has_counted(recorder: Recorder, opens: int) -> bool:
    """Return whether *recorder* has brought that many opens into the log."""
    return recorder.health.recorded >= opens


async def append_all(journal: Journal, payloads: Sequence[bytes]) -> None:
    await until_done([journal.append(payload) for payload in payloads])


async def test_kept_opens_reach_the_log_in_their_order(log: OpenLog, journals: Journals) -> None:
    """What a process answered is in the log once, in the order in which it was answered."""
    opens = [kept() for _ in range(2_500)]
    async with recording(log, journals) as recorder, a_journal(journals) as journal:
        for start in range(0, len(opens), 100):
            await append_all(journal, opens[start : start + 100])
        await until(lambda: recorder.health.recorded == len(opens))
        await until(lambda: recorder.health.late_seconds == 0.0)

        assert open_ids(await read_all(log)) == ids_of(opens)
        assert not recorder.health.is_failing


async def test_each_configuration_of_a_message_gets_its_own(
    log: OpenLog, journals: Journals
) -> None:
    """One kept open is as many opens in the log as its message has configurations."""
    async with recording(log, journals) as recorder, a_journal(journals) as journal:
        await journal.append(kept(configurations=("news", "audit")))
        await until(lambda: recorder.health.recorded == 2)

        assert [each.configuration_id for each in await read_all(log)] == ["news", "audit"]


async def test_journals_of_dead_processes_are_recorded_and_removed(
    log: OpenLog, journals: Journals
) -> None:
    """Whatever was left behind is in the log after the next start, and leaves nothing."""
    left = [[kept() for _ in range(5)] for _ in range(3)]
    for opens in left:
        async with a_journal(journals) as journal:
            await append_all(journal, opens)
    async with recording(log, journals):
        await until(lambda: not journals.found())

    assert sorted(open_ids(await read_all(log))) == sorted(ids_of([*itertools.chain(*left)]))


@pytest.mark.parametrize("passes", [0, 3, 20])
async def test_recorder_that_dies_records_nothing_twice(
    log: OpenLog, journals: Journals, passes: int
) -> None:
    """Wherever recording is ended, the next one goes on after what is in the log."""
    opens = [kept() for _ in range(4_000)]
    rounds = 0
    async with a_journal(journals) as journal:
        await append_all(journal, opens)
        (found,) = journals.found()
        while await log.recorded_up_to(found.id) < len(opens):
            rounds += 1
            async with recording(log, journals) as recorder:
                # What the one before was writing when it was ended may be all that was left.
                while recorder.health.recorded == 0 and (  # noqa: ASYNC110 - only looking tells
                    await log.recorded_up_to(found.id) < len(opens)
                ):
                    await asyncio.sleep(0.001)
                for _ in range(passes):
                    await asyncio.sleep(0)

    assert rounds > 1
    assert open_ids(await read_all(log)) == ids_of(opens)


async def test_position_is_in_the_log_with_its_opens_or_not_at_all(log: OpenLog) -> None:
    """Where a journal is recorded up to comes and stays with the opens themselves."""
    position = JournalPosition(journal_id="a" * 32, segment=3, sequence=41)
    opens = new_opens(2)
    assert await log.recorded_up_to("a" * 32) == 0
    await log.append(opens, journal=position)
    assert await log.recorded_up_to("a" * 32) == 41
    # All of them are there already: the position moves all the same.
    await log.append(opens, journal=JournalPosition(journal_id="a" * 32, segment=4, sequence=50))
    assert await log.recorded_up_to("a" * 32) == 50
    assert len(await read_all(log)) == 2
    # None at all, as after fillers.
    await log.append([], journal=JournalPosition(journal_id="a" * 32, segment=4, sequence=60))
    assert await log.recorded_up_to("a" * 32) == 60
    await log.forget_journal("a" * 32)
    assert await log.recorded_up_to("a" * 32) == 0


async def test_record_that_is_not_understood_holds_up_nothing(
    log: OpenLog, journals: Journals
) -> None:
    """A record with a right checksum that holds no open is counted, and its segment kept."""
    before, after = kept(), kept()
    with structlog.testing.capture_logs() as logs:
        async with a_journal(journals) as journal:
            await append_all(journal, [before, b"no kept open", after])
        async with recording(log, journals) as recorder:
            await until(lambda: not journals.found())
            assert recorder.health.missing == 1

    assert open_ids(await read_all(log)) == ids_of([before, after])
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "journal record not understood"
    ]
    assert len(journals.damaged()) == 1


async def test_journal_of_a_newer_program_is_left_and_holds_up_no_other(
    log: OpenLog, journals: Journals
) -> None:
    """What cannot be read yet stays where it is, and what can is recorded."""
    future = journals.folder / ("f" * 32)
    future.mkdir(parents=True)
    path = future / "000000000001.segment"
    path.write_bytes(header_octets(Header(9, bytes.fromhex("f" * 32), 1, 1)))
    opens = [kept() for _ in range(3)]
    with structlog.testing.capture_logs() as logs:
        async with recording(log, journals) as recorder, a_journal(journals) as journal:
            await append_all(journal, opens)
            await until(lambda: recorder.health.recorded == 3 and recorder.health.is_failing)

    assert path.exists()
    assert [entry["event"] for entry in logs] == ["journal cannot be read"]


async def test_bringing_in_leaves_no_octet_behind(log: OpenLog, journals: Journals) -> None:
    """After it, what was answered before is in the log and in no file of a journal."""
    async with (
        recording(log, journals) as recorder,
        a_journal(journals) as journal,
        running(journal.look_after()),
    ):
        await journal.append(kept("secret-message"))
        assert await recorder.bring_in() == OutsideLog()

        octets = b"".join(path.read_bytes() for path in journals.folder.rglob("*.segment"))
        assert b"secret-message" not in octets
        assert len(await read_all(log)) == 1
        await journal.append(kept())
        assert await recorder.bring_in() == OutsideLog()


async def test_what_is_set_aside_is_named(log: OpenLog, journals: Journals) -> None:
    """Whoever has somebody forgotten learns which files nobody could look through."""
    async with a_journal(journals) as journal:
        await journal.append(b"no kept open")
    async with recording(log, journals) as recorder:
        await until(lambda: not journals.found())
        outside = await recorder.bring_in()

    assert [Path(path).parent.name for path in outside.damaged_files] == ["damaged"]


async def test_log_that_is_away_makes_nothing_worse_than_late(
    journals: Journals, tmp_path: Path
) -> None:
    """While the log does not answer the journal keeps what comes, says so, and catches up."""
    home = LogHome(url=f"sqlite:///{tmp_path}/log/opens.db")
    opens = [kept() for _ in range(30)]
    async with home.connect() as log, a_journal(journals) as journal:
        async with recording(log, journals) as recorder:
            await append_all(journal, opens[:10])
            await until(lambda: recorder.health.recorded == 10)
            with locked(tmp_path / "log/opens.db"):
                await append_all(journal, opens[10:])
                await until(lambda: recorder.health.is_failing)
                assert recorder.health.late_seconds > 0.0
            await until(lambda: recorder.health.recorded == 30)
        assert open_ids(await read_all(log)) == ids_of(opens)


async def test_what_the_log_committed_without_an_answer_is_counted_once(
    log: OpenLog, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that dies between its commit and its answer leaves the count of opens exact."""
    append = log.append
    lost = iter([True, False, True])

    async def answer_is_lost(
        opens: Sequence[OpenRecord], *, journal: JournalPosition | None = None
    ) -> None:
        await append(opens, journal=journal)
        if next(lost, False):
            raise LogUnavailable("the connection is gone")

    monkeypatch.setattr(log, "append", answer_is_lost)
    opens = [kept() for _ in range(30)]
    async with recording(log, journals) as recorder, a_journal(journals) as journal:
        for start in range(0, len(opens), 10):
            await append_all(journal, opens[start : start + 10])
            await until(functools.partial(has_counted, recorder, start + 10))
        await until(lambda: not recorder.health.is_failing)

        assert recorder.health.recorded == len(opens)
        assert open_ids(await read_all(log)) == ids_of(opens)


async def test_what_cannot_be_read_is_counted_once_however_often_it_is_tried(
    log: OpenLog, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that refuses has the journal read again, and nothing more is missing for that."""
    append = log.append
    refused = iter([True, True, True])

    async def refuse_first(
        opens: Sequence[OpenRecord], *, journal: JournalPosition | None = None
    ) -> None:
        if next(refused, False):
            raise LogUnavailable("the log's disk is full")
        await append(opens, journal=journal)

    monkeypatch.setattr(log, "append", refuse_first)
    async with a_journal(journals) as journal:
        await append_all(journal, [kept(), b"no kept open", kept()])
    async with recording(log, journals) as recorder:
        await until(lambda: not journals.found())

        assert (recorder.health.recorded, recorder.health.missing) == (2, 1)


async def test_spool_that_can_be_read_again_is_no_longer_complained_of(
    log: OpenLog, journals: Journals
) -> None:
    """An operator who has mended it sees that, without a restart."""
    unreadable = journals.folder.parent / "spool/slot-000/000000000001.spool"
    unreadable.mkdir(parents=True)
    async with recording(log, journals) as recorder:
        await until(lambda: recorder.health.is_failing)
        unreadable.rmdir()
        await until(lambda: not recorder.health.is_failing)


async def test_last_round_records_what_came_until_the_end(log: OpenLog, journals: Journals) -> None:
    """A process that ends as planned leaves in no journal what it could record."""
    async with a_journal(journals) as journal:
        await append_all(journal, [kept() for _ in range(50)])
    recorder = Recorder(log, journals, spool=journals.folder.parent / "spool")
    await recorder.record_rest()

    assert len(await read_all(log)) == 50
    assert journals.found() == []


async def test_wake_up_is_a_hint_and_no_need(log: OpenLog, journals: Journals) -> None:
    """Where no pipe can be made, what is kept is recorded all the same."""
    journals.prepare()
    journals.pipe.write_text("no pipe")
    async with recording(log, journals) as recorder, a_journal(journals) as journal:
        await journal.append(kept())
        await until(lambda: recorder.health.recorded == 1)

    assert journals.pipe.read_text() == "no pipe"
