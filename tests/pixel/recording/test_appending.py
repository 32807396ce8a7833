"""Opens that the log's database does not take keep no other out of it."""

import functools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from pixel_service.journal import Journals
from pixel_service.open_log import OpenLog
from pixel_service.recording import Recorder
from tests.fixtures.postgres import Postgres
from tests.pixel.journal.disks import a_journal, until, until_done
from tests.pixel.open_log.log_values import LogHome, read_all
from tests.pixel.recording.kept_values import kept, recording

# PostgreSQL has no such text.
REFUSED = "ne\0ws"

REFUSE_ALL = "ALTER TABLE opens ADD CONSTRAINT none CHECK (false) NOT VALID"
TAKE_ALL = "ALTER TABLE opens DROP CONSTRAINT none"


@pytest.fixture
async def log(postgres_home: LogHome) -> AsyncIterator[OpenLog]:
    """Open an empty log on PostgreSQL."""
    async with postgres_home.connect() as open_log:
        yield open_log


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "journal")


async def test_opens_that_are_refused_are_set_aside_counted_and_said_once(
    log: OpenLog, journals: Journals
) -> None:
    """All others of their batch are recorded, in their order."""
    configurations = [f"c{number}" for number in range(300)]
    for number in (0, 17, 18, 299):
        configurations[number] = REFUSED
    opens = [kept(configurations=[each]) for each in configurations]
    async with a_journal(journals) as journal:
        await until_done([journal.append(each) for each in opens])
        with structlog.testing.capture_logs() as events:
            async with recording(log, journals) as recorder:
                await until(lambda: recorder.health.recorded == 296)

                assert recorder.health.refused == 4
                assert not recorder.health.is_failing
                assert len(journals.damaged()) == 1
                await journal.append(kept(configurations=["later"]))
                await until(lambda: recorder.health.recorded == 297)
    async with recording(log, journals):
        await until(lambda: not journals.found())

    there = [each.configuration_id for each in await read_all(log)]
    assert there == [*(each for each in configurations if each != REFUSED), "later"]
    (aside,) = journals.damaged()
    assert opens[17] in aside.read_bytes()
    (said,) = (each for each in events if each["log_level"] == "error")
    assert said["event"] == "opens refused by the log's database"
    assert said["refused_opens"] == 4
    assert "22021" in said["text"]


async def test_database_that_refuses_everything_is_an_outage(
    log: OpenLog, journals: Journals, postgres: Postgres, database: str
) -> None:
    """Nothing is set aside for it: the journal keeps what comes until an operator has mended it."""
    opens = [kept() for _ in range(50)]
    async with a_journal(journals) as journal, recording(log, journals) as recorder:
        await postgres.execute(database, REFUSE_ALL)
        await until_done([journal.append(each) for each in opens])
        await until(lambda: recorder.health.is_failing)
        assert (recorder.health.refused, journals.damaged()) == (0, [])
        await postgres.execute(database, TAKE_ALL)
        await until(lambda: recorder.health.recorded == 50)

        assert not recorder.health.is_failing
    assert len(await read_all(log)) == 50


def has_refused(recorder: Recorder, count: int) -> bool:
    """Return whether so many opens were refused."""
    return recorder.health.refused == count


async def test_ten_in_a_row_are_refused_for_themselves_and_no_more(
    log: OpenLog, journals: Journals, postgres: Postgres, database: str
) -> None:
    """After that the database is taken for one that refuses everything, and waited for."""
    async with a_journal(journals) as journal, recording(log, journals) as recorder:
        await postgres.execute(database, REFUSE_ALL)
        for count in range(1, 11):
            await journal.append(kept())
            await until(functools.partial(has_refused, recorder, count))
        await journal.append(kept())
        await until(lambda: recorder.health.is_failing)
        await postgres.execute(database, TAKE_ALL)
        await until(lambda: recorder.health.recorded == 1)

        assert recorder.health.refused == 10
