"""Whatever a driver raises, callers of the log see that it is unavailable, or damaged."""

import asyncio
import contextlib
import inspect
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
import structlog

from pixel_service.errors import LogDamaged, LogRefused, LogSchemaOld, LogUnavailable
from pixel_service.notification import number_open
from pixel_service.open_log import BEGINNING, OpenLog, OpenRecord, connect, migrate
from pixel_service.open_log.postgres import pool
from pixel_service.statistics import COUNTING_RULES
from tests.fixtures.postgres import Postgres
from tests.pixel.open_log.log_values import (
    LogHome,
    daily_counts,
    erase,
    event_ids,
    new_open,
    new_opens,
    read_all,
)

ROOT = Path(__file__).parents[3]

_PAGE_OCTETS = 4_096

Answer = TypeVar("Answer")


def ways_to_read(log: OpenLog) -> list[Callable[[], Awaitable[object]]]:
    """Return every call that looks at all opens."""

    async def notifications() -> object:
        return await log.read_notifications(
            after=BEGINNING, max_entries=1_000, max_octets=1_000_000
        )

    return [
        lambda: read_all(log),
        notifications,
        lambda: daily_counts(log),
        lambda: erase(log, lambda _: False),
    ]


async def test_damaged_page_is_data_loss_and_not_a_fault_of_ours(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """Every call that meets the page says that the log is damaged; the others go on."""
    async with sqlite_home.connect() as log:
        await log.append([new_open(notification=b"a telltale" + bytes(900)) for _ in range(200)])
    file = tmp_path / "opens.db"
    octets = file.read_bytes()
    page = octets.index(b"a telltale", len(octets) // 2) // _PAGE_OCTETS * _PAGE_OCTETS
    file.write_bytes(octets[:page] + b"\xff" * _PAGE_OCTETS + octets[page + _PAGE_OCTETS :])

    async with sqlite_home.connect() as log:
        for call in ways_to_read(log):
            with pytest.raises(LogDamaged):
                await call()
        # Appending meets it, too: what was counted lately is read back from the opens.
        with pytest.raises(LogDamaged):
            await log.append(new_opens(1))
        assert (await log.head()).sequence == 200


async def test_damaged_text_is_data_loss_and_stays_out_of_the_log_of_events(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """The driver quotes what it cannot decode, and that may be anything of anybody."""
    async with sqlite_home.connect() as log:
        await log.append(new_opens(2))
        with contextlib.closing(sqlite3.connect(tmp_path / "opens.db")) as connection:
            connection.execute(
                "UPDATE opens SET configuration_id = CAST(x'74656c6c74616c65ff' AS TEXT)"
            )
            connection.commit()

        with structlog.testing.capture_logs() as events, pytest.raises(LogDamaged):
            await read_all(log)

    assert len(events) == 1
    assert "telltale" not in str(events)


def test_disk_that_fails_is_an_outage_and_says_which(tmp_path: Path) -> None:
    """Reads that fail with EIO and a full disk, also of trimming, name it; then all goes on."""
    process = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.pixel.open_log.failing_disk_process", str(tmp_path)],
        cwd=ROOT,
        check=True,
        stderr=subprocess.PIPE,
    )

    unreadable = "LogUnavailable: the log's database failed: SQLITE_IOERR_READ"
    full = "LogUnavailable: the log's disk is full"
    assert json.loads(process.stderr) == {
        "read before": ["3000", "done"],
        "unreadable": [unreadable, unreadable],
        "read after": ["3000", "done"],
        "full": [full, full, full],
        "written after": ["done", "done"],
        "read in the end": ["3001", "done"],
        "trimmed in the end": ["done"],
    }


def test_every_error_of_the_driver_is_foreseen() -> None:
    """Its errors have no common base, so that one that is added could be overlooked."""
    errors = [
        cls
        for _, cls in inspect.getmembers(asyncpg.exceptions, inspect.isclass)
        if issubclass(cls, Exception) and not issubclass(cls, Warning)
    ]
    # Messages of the server that are no errors; the driver never raises them.
    raised = [cls for cls in errors if not issubclass(cls, asyncpg.PostgresLogMessage)]

    assert len(raised) > 200
    assert [cls for cls in raised if not issubclass(cls, pool.FAILURES)] == []


async def test_outage_of_the_database_is_one_line(mortal: tuple[Postgres, str]) -> None:
    """Whoever calls meanwhile, and however often."""
    postgres, url = mortal
    with structlog.testing.capture_logs() as events:
        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
            await asyncio.to_thread(postgres.kill)
            for _ in range(20):
                with pytest.raises(LogUnavailable):
                    await log.head()

    assert [each["event"] for each in events] == ["log's database failed"]


async def test_what_a_constraint_refuses_is_told_from_an_outage(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """Nothing of the batch is there, and the same without it is taken."""
    async with sqlite_home.connect() as log:
        with contextlib.closing(sqlite3.connect(tmp_path / "opens.db")) as connection:
            connection.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON opens "
                "WHEN NEW.configuration_id = 'refused' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
            connection.commit()
        opens = new_opens(3)
        with pytest.raises(LogRefused):
            await log.append([*opens, *new_opens(1, configuration_id="refused")])
        assert (await log.head()).sequence == 0
        await log.append(opens)

        assert event_ids(await read_all(log)) == event_ids(opens)


async def test_connections_that_the_server_ends_are_outages(
    postgres: Postgres, database: str
) -> None:
    """Some hundred ends, in the middle of anything: calls fail as unavailable or succeed.

    Afterwards the log is as it was, has every open that was answered for, and wakes its
    readers.
    """
    answered: list[OpenRecord] = []
    ending = asyncio.Event()

    async with connect(
        postgres.url_of(database), number_open=number_open, counting_rules=COUNTING_RULES
    ) as log:
        await log.subscriptions.create_subscription("crm", start=BEGINNING)

        async def append() -> None:
            opens = new_opens(3)
            await log.append(opens)
            answered.extend(opens)

        async def until_the_end(call: Callable[[], Awaitable[object]]) -> None:
            while not ending.is_set():
                with contextlib.suppress(LogUnavailable):
                    await call()

        calls = [
            append,
            append,
            lambda: read_all(log),
            log.stats,
            lambda: daily_counts(log),
            lambda: log.subscriptions.get_subscription("crm"),
            lambda: log.subscriptions.seek_subscription("crm", to=BEGINNING),
        ]
        working = [asyncio.create_task(until_the_end(call)) for call in calls]
        await end_connections(postgres, database, at_least=400)
        ending.set()
        await asyncio.gather(*working)

        head = await until_it_answers(log.head)
        waiting = asyncio.create_task(log.wait_for_news(after=head))
        await until_it_answers(append)
        await waiting
        assert set(event_ids(answered)) <= set(event_ids(await read_all(log)))


async def end_connections(postgres: Postgres, database: str, *, at_least: int) -> None:
    """End connections to *database* at random moments, so many in all."""
    connection = await postgres.connect("postgres")
    ended = 0
    while ended < at_least:
        ended += await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1",
            database,
        )
        await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - a moment, and no secret
    await connection.close()


async def until_it_answers(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return what *call* does, again while stale connections are found."""
    for _ in range(20):
        with contextlib.suppress(LogUnavailable):
            return await call()
    raise AssertionError("the log did not come back")


async def test_tables_of_somebody_else_are_named_on_sqlite(
    sqlite_home: LogHome, tmp_path: Path
) -> None:
    """A file that has a table of this name already is left alone, and the error names it."""
    with contextlib.closing(sqlite3.connect(tmp_path / "opens.db")) as connection:
        connection.execute("CREATE TABLE opens (id int)")

    with pytest.raises(LogSchemaOld, match="not of a log: opens; give the log a database"):
        async with sqlite_home.connect():
            raise AssertionError("connected")


async def test_tables_of_somebody_else_are_named_on_postgresql(postgres: Postgres) -> None:
    """Migrating does not say that the log does not answer: it does."""
    name = await postgres.create_database()
    await postgres.execute(name, "CREATE TABLE opens (id int)")

    with pytest.raises(LogSchemaOld, match="not of a log: opens; give the log a database"):
        await migrate(postgres.url_of(name))


async def test_what_keeps_tables_from_being_made_is_said(postgres: Postgres) -> None:
    """No schema to create them in, no right to, a server that may only be read: in its words."""
    name = await postgres.create_database()
    await postgres.execute(name, "DROP SCHEMA public")

    with pytest.raises(LogSchemaOld, match=r"^the log's tables cannot be made: no schema has"):
        await migrate(postgres.url_of(name))
    await postgres.execute(name, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(LogSchemaOld, match=r"cannot be made: .*read-only transaction$"):
        await migrate(postgres.url_of(name))
