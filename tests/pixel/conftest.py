"""Logs to test against: every backend, for real."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pixel_service.open_log import OpenLog, migrate
from tests.fixtures.postgres import Postgres, running_postgres
from tests.pixel.open_log.log_values import EMPTY_LOG, LogHome
from tests.pixel.service_values import StreamService, log_at, streaming


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one PostgreSQL server for all tests that do not kill it."""
    with running_postgres() as server:
        # Nothing here outlives the server, so nothing needs to reach the disk.
        asyncio.run(server.execute("postgres", "ALTER SYSTEM SET fsync = off"))
        # Its transactions hold readers back, as everybody's do, for a moment of its choice.
        asyncio.run(server.execute("postgres", "ALTER SYSTEM SET autovacuum = off"))
        asyncio.run(server.execute("postgres", "SELECT pg_reload_conf()"))
        yield server


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres) -> str:
    """Name a database with a log, for one test after the other."""
    name = asyncio.run(postgres.create_database())
    asyncio.run(migrate(postgres.url_of(name)))
    return name


@pytest.fixture
def database(postgres: Postgres, shared_database: str) -> str:
    """Name a database with an empty log."""
    asyncio.run(postgres.execute(shared_database, EMPTY_LOG))
    return shared_database


@pytest.fixture
def sqlite_home(tmp_path: Path) -> LogHome:
    """Give a place for a log on SQLite: the file `opens.db`."""
    return LogHome(url=f"sqlite:///{tmp_path}/opens.db")


@pytest.fixture
def postgres_home(postgres: Postgres, database: str) -> LogHome:
    """Give the place of an empty log on PostgreSQL."""
    return LogHome(url=postgres.url_of(database))


@pytest.fixture(params=["sqlite", "postgres"])
def log_home(request: pytest.FixtureRequest) -> LogHome:
    """Give a place for a log, empty, of each backend in turn."""
    home: LogHome = request.getfixturevalue(f"{request.param}_home")
    return home


@pytest.fixture
async def log(log_home: LogHome) -> AsyncIterator[OpenLog]:
    """Open an empty log."""
    async with log_home.connect() as open_log:
        yield open_log


@pytest.fixture
async def service(log_home: LogHome) -> AsyncIterator[StreamService]:
    """Serve streams over an empty log."""
    async with log_at(log_home.url) as open_log, streaming(open_log) as running:
        yield running


@pytest.fixture
def mortal() -> Iterator[tuple[Postgres, str]]:
    """Run a PostgreSQL server of the test's own, and name an empty log on it."""
    with running_postgres() as server:
        url = server.url_of(asyncio.run(server.create_database()))
        asyncio.run(migrate(url))
        yield server, url
