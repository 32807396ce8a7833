"""Logs to test against: every backend, for real."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pixel_service import openlog
from pixel_service.openlog import OpenLog
from tests.pixel.log_values import LogHome
from tests.pixel.postgres import Postgres, running_postgres
from tests.pixel.service_values import StreamService, log_at, streaming


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one PostgreSQL server for all tests."""
    with running_postgres() as server:
        yield server


async def migrated_database(postgres: Postgres) -> str:
    """Return the name of a fresh database with an empty log."""
    name = await postgres.create_database()
    await openlog.migrate(postgres.url_of(name))
    return name


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """Name a database with an empty log, which is faster to copy than to make."""
    return asyncio.run(migrated_database(postgres))


@pytest.fixture(params=["sqlite", "postgres"])
def log_home(request: pytest.FixtureRequest, tmp_path: Path) -> LogHome:
    """Give a place for a log, empty, of each backend in turn."""
    if request.param == "sqlite":
        return LogHome(url=f"sqlite:///{tmp_path}/data/opens.db")
    server: Postgres = request.getfixturevalue("postgres")
    template: str = request.getfixturevalue("migrated_template")
    return LogHome(url=server.url_of(asyncio.run(server.create_database(template=template))))


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
