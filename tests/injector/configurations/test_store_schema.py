"""The store's tables are those of the migrations, and older ones are taken over."""

import dataclasses
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from injector_service.configurations import Configuration
from injector_service.configurations.store import connect
from injector_service.configurations.store.connecting import SCHEMA
from injector_service.configurations.store.engine import database
from injector_service.configurations.store.tables import metadata
from injector_service.errors import DatabaseUnusable
from injector_service.tracking.tables import metadata as tracking_metadata
from tests.injector.configurations.configuration_values import FULL

# Dumps of databases that a program without migrations made and filled.
BEFORE_MIGRATIONS: Final = Path(__file__).parents[2] / "testdata/injector_before_migrations"


@pytest.fixture
async def old_database_url(database_url: str) -> str:
    """Return the URL of a database as it was before there were migrations, of each backend."""
    if database_url.startswith("sqlite"):
        connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
        connection.executescript((BEFORE_MIGRATIONS / "sqlite.sql").read_text("utf-8"))
        connection.close()
    else:
        to_postgres = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        await to_postgres.execute((BEFORE_MIGRATIONS / "postgres.sql").read_text("utf-8"))
        await to_postgres.close()
    return database_url


async def in_database(url: str, work: Callable[[sa.Connection], object]) -> object:
    """Return what *work* does with a connection to the database."""
    async with database(url) as engine, engine.begin() as connection:
        return await connection.run_sync(work)


def differences(connection: sa.Connection) -> object:
    """Return how the tables in the database differ from those of the statements."""
    tables = sa.MetaData()
    for table in (*metadata.sorted_tables, *tracking_metadata.sorted_tables):
        table.to_metadata(tables)
    options = {
        "version_table": SCHEMA.version_table,
        "include_name": lambda name, kind, _parents: kind != "table" or name in tables.tables,
    }
    return compare_metadata(MigrationContext.configure(connection, opts=options), tables)


def test_newest_version_is_the_newest_step() -> None:
    """The version that the program expects is that of the last file under migrations."""
    assert SCHEMA.newest_step() == SCHEMA.newest


async def test_tables_are_what_the_migrations_make(database_url: str) -> None:
    """The statements are built from the same tables that are in the database."""
    async with connect(database_url):
        pass

    assert await in_database(database_url, differences) == []


async def test_database_from_before_migrations_is_taken_over(old_database_url: str) -> None:
    """Nothing is lost of a database that has no version: it gets one, once."""
    for _ in range(2):
        async with connect(old_database_url) as store:
            generation, found = await store.load()
            stored = await store.get("full")
            plain = await store.get("plain")

        assert generation == 3
        assert sorted(found, key=lambda each: each.id) == [
            # There were no days then.
            dataclasses.replace(FULL, open_expiry_days=0),
            Configuration(id="plain", description="twice"),
        ]
        assert stored.etag
        assert plain.create_time < plain.update_time
    assert await in_database(old_database_url, differences) == []
    assert await in_database(old_database_url, SCHEMA.version_of) == SCHEMA.newest


async def test_database_that_was_taken_over_goes_on(old_database_url: str) -> None:
    """What could be written before can be written after, and senders are still bound."""
    async with connect(old_database_url) as store:
        etag = (await store.get("full")).etag
        deleted = await store.delete("full", etag=etag)
        created = await store.create(FULL)

    assert (deleted.generation, created.generation) == (4, 5)


async def test_tables_of_a_newer_program_are_refused_in_one_line(database_url: str) -> None:
    """A program does not touch tables that it does not know, and says both versions."""

    def make_newer(connection: sa.Connection) -> None:
        connection.execute(
            sa.update(sa.table(SCHEMA.version_table, sa.column("version_num"))).values(
                version_num="9999"
            )
        )

    async with connect(database_url):
        pass
    await in_database(database_url, make_newer)

    with pytest.raises(DatabaseUnusable) as refused:
        async with connect(database_url):
            pass

    assert str(refused.value) == (
        "the database has tables of version 9999, newer than 0004: use a newer program"
    )
