"""What only SQLite promises: holes are noticed, erased octets are gone, one process has it."""

import asyncio
import contextlib
import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from pixel_service.errors import LogHole, LogUnavailable
from pixel_service.open_log import BEGINNING, Position, Revision, decode_cursor
from pixel_service.open_log.sql.counting import count_in_steps
from pixel_service.open_log.sqlite import engine
from pixel_service.open_log.sqlite.engine import reader_engine, writer_engine
from pixel_service.open_log.sqlite.reading import checkpoint
from tests.pixel.open_log.log_values import (
    LogHome,
    daily_counts,
    erase,
    event_ids,
    new_open,
    new_opens,
    numbers_of,
    read_all,
    trim,
)


def execute(tmp_path: Path, statement: str) -> None:
    """Change the database without the log."""
    with contextlib.closing(sqlite3.connect(tmp_path / "opens.db")) as connection:
        connection.execute(statement)
        connection.commit()


def files_with(octets: bytes, folder: Path) -> list[str]:
    """Name the files in *folder* that have *octets* anywhere."""
    return [
        path.name for path in folder.iterdir() if path.is_file() and octets in path.read_bytes()
    ]


async def test_a_hole_is_noticed_and_never_skipped(sqlite_home: LogHome, tmp_path: Path) -> None:
    """A reader gets what is before the hole, and then an error with its place."""
    async with sqlite_home.connect() as log:
        opens = new_opens(9)
        await log.append(opens)
        execute(tmp_path, "DELETE FROM opens WHERE sequence IN (5, 6)")

        page = await log.read(after=BEGINNING, max_entries=100, max_octets=10_000)
        assert event_ids(page.entries) == event_ids(opens[:4])
        assert not page.at_head
        with pytest.raises(LogHole) as caught:
            await log.read(after=page.after, max_entries=100, max_octets=10_000)
        place = decode_cursor(caught.value.metadata["cursor"], log.identity)
        assert place == page.after == Position(0, 4)


async def test_erased_octets_are_on_no_page_of_any_file(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """After erasing, what was erased cannot be found in the files, however one looks."""
    secret = b"reader@example.org"
    async with sqlite_home.connect() as log:
        for _ in range(20):
            await log.append([new_open(notification=secret * 20), *new_opens(20)])
        assert await erase(log, lambda octets: secret in octets) == 20

        assert files_with(b"SQLite format 3", tmp_path) == ["opens.db"]
        assert files_with(secret, tmp_path) == []


async def test_octets_from_before_a_revision_are_erased_with_the_open(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """What an open was before it was judged again is on no page either."""
    secret = b"reader@example.org"
    async with sqlite_home.connect() as log:
        for _ in range(20):
            await log.append([new_open(notification=secret * 20), *new_opens(20)])
        revised = secret + b"again" * 99
        async for _ in log.revise(
            lambda octets: Revision(4, 3, revised) if secret in octets else None
        ):
            pass
        assert await erase(log, lambda octets: octets == revised) == 20

        assert files_with(secret, tmp_path) == []


async def test_octets_that_a_reader_keeps_are_not_called_erased(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """A backup, say, keeps the write-ahead log; erasing again when it has ended removes them."""
    secret = b"reader@example.org"
    async with sqlite_home.connect() as log:
        await log.append([new_open(notification=secret * 20)])
        with contextlib.closing(sqlite3.connect(tmp_path / "opens.db")) as backup:
            backup.execute("BEGIN")
            backup.execute("SELECT count(*) FROM opens").fetchone()
            *_, erased = [each async for each in log.erase(lambda octets: secret in octets)]
            assert (erased.entries, erased.older_state_is_read) == (1, True)
            assert files_with(secret, tmp_path) == ["opens.db-wal"]

        assert await read_all(log) == []
        assert await erase(log, lambda octets: secret in octets) == 0
        assert files_with(secret, tmp_path) == []


def size_of(folder: Path) -> int:
    """Return the size of the log's file."""
    return (folder / "opens.db").stat().st_size


@pytest.mark.parametrize("is_old", [False, True])
async def test_trimming_gives_space_back_to_the_file_system(
    sqlite_home: LogHome, tmp_path: Path, *, is_old: bool
) -> None:
    """All but a few megabytes; a file of an older version keeps its size, and works as before."""
    if is_old:
        execute(tmp_path, "PRAGMA journal_mode = WAL")
    async with sqlite_home.connect() as log:
        # So many that a step of trimming, which has 500, leaves some of them.
        for _ in range(54):
            await log.append([new_open(octets=20_000) for _ in range(20)])
        kept = new_open()
        await log.append([kept])
        await log.query(checkpoint)  # type: ignore[attr-defined] # of SQLite's alone
        before = size_of(tmp_path)
        await trim(log, max_octets=3_000_000)
        await log.query(checkpoint)  # type: ignore[attr-defined] # as above
        after = size_of(tmp_path)
        left = await read_all(log, after=await log.earliest())
        await log.append(new_opens(3))

    assert before > 20_000_000
    assert after == before if is_old else after < 6_000_000
    assert event_ids(left)[-1:] == [kept.event_id]


async def test_full_disk_is_called_by_its_name(
    sqlite_home: LogHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cannot write hears why, and what was there before can be read."""
    full = (*engine._WRITER_PRAGMAS, "max_page_count = 60")  # noqa: SLF001 - SQLite's own small disk
    monkeypatch.setattr(engine, "_WRITER_PRAGMAS", full)
    async with sqlite_home.connect() as log:
        first = new_open()
        await log.append([first])
        with pytest.raises(LogUnavailable, match=r"^the log's disk is full$"):
            await log.append([new_open(octets=1_000_000)])

        assert event_ids(await read_all(log)) == [first.event_id]


async def test_counts_come_by_day_the_newest_first(sqlite_home: LogHome, tmp_path: Path) -> None:
    """Each day is whole and comes once, wherever the portions end; earlier ones are left out."""
    async with sqlite_home.connect() as log:
        await log.append([new_open(agent=1 + index % 2) for index in range(100)])
        execute(
            tmp_path,
            "UPDATE opens SET recorded_us = (20000 + sequence / 30) * 86400000000 + sequence",
        )
        steps = [
            [(each.day, each.opens) for each in counts]
            async for counts in count_in_steps(
                cast("Any", log), earliest_day=None, portion_entries=7
            )
        ]
        since = [
            (each.day, each.opens)
            for each in await daily_counts(log, earliest_day=dt.date(2024, 10, 6))
        ]

    found = [each for step in steps for each in step]
    assert found == [
        (dt.date(2024, 10, 7), 11),
        (dt.date(2024, 10, 6), 30),
        (dt.date(2024, 10, 5), 30),
        (dt.date(2024, 10, 4), 29),
    ]
    assert [] in steps
    assert since == found[:2]


async def test_concurrent_appends_are_numbered_one_after_the_other(sqlite_home: LogHome) -> None:
    """Whoever appends, opens of one message get every number once, in the log's order."""
    async with sqlite_home.connect() as log:
        batches = [[new_open(message_key=b"k" * 16) for _ in range(5)] for _ in range(40)]
        await asyncio.gather(*(log.append(batch) for batch in batches))
        entries = await read_all(log)

    assert [numbers_of(entry)[0] for entry in entries] == list(range(1, 201))


async def test_one_process_at_a_time_has_the_log(sqlite_home: LogHome) -> None:
    """A second one is refused at once, and may when the first has ended."""
    opens = new_opens(2)
    async with sqlite_home.connect() as log:
        await log.append(opens[:1])
        with pytest.raises(LogUnavailable, match="a process has the log open"):
            async with sqlite_home.connect():
                raise AssertionError("connected")
    async with sqlite_home.connect() as log:
        await log.append(opens[1:])

        assert event_ids(await read_all(log)) == event_ids(opens)


async def test_lock_is_for_our_own_user_alone(sqlite_home: LogHome, tmp_path: Path) -> None:
    """Nobody else may keep the service from its log."""
    async with sqlite_home.connect():
        assert (tmp_path / "opens.db.lock").stat().st_mode & 0o777 == 0o600


async def test_a_folder_with_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    """The data folder's path may be as long as the system allows."""
    folder = tmp_path / ("d" * 60) / ("e" * 60)
    async with LogHome(url=f"sqlite:///{folder}/opens.db").connect() as log:
        await log.append(new_opens(2))

        assert len(await read_all(log)) == 2


async def test_what_is_no_database_is_refused(sqlite_home: LogHome, tmp_path: Path) -> None:
    """A file that is something else is left alone, and the error says that it cannot be used."""
    (tmp_path / "opens.db").write_bytes(b"something else " * 1_000)

    with pytest.raises(LogUnavailable):
        async with sqlite_home.connect():
            raise AssertionError("connected")
    assert (tmp_path / "opens.db").read_bytes() == b"something else " * 1_000


async def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    """Where a file stands in the way of the data folder, opening says so at once."""
    (tmp_path / "data").write_text("a file")

    with pytest.raises(LogUnavailable, match=r"^the log's folder cannot be made: [^\n]*$"):
        async with LogHome(url=f"sqlite:///{tmp_path}/data/opens.db").connect():
            raise AssertionError("connected")


@pytest.mark.parametrize("engine_of", [writer_engine, reader_engine])
def test_errors_of_the_database_hold_no_parameters(
    engine_of: Callable[[Path], sa.Engine], tmp_path: Path
) -> None:
    """What is logged of an error tells nothing of an open."""
    engine = engine_of(tmp_path / "opens.db")
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as caught:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:x)"), {"x": "telltale"})
    engine.dispose()

    assert "nowhere" in str(caught.value)
    assert "telltale" not in str(caught.value)
