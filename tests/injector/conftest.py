"""What the injector's tests run against: real databases, a real server."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from injector_service.configurations.store import ConfigurationStore, connect
from injector_service.configurations.store.engine import database
from injector_service.settings import Settings
from tests.fixtures.postgres import postgres_url
from tests.injector.running_service import Service, running_service

__all__ = ["postgres_url"]


@pytest.fixture
async def postgres_database(postgres_url: str) -> str:
    """Return the URL of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    async with (
        database(postgres_url) as engine,
        # CREATE DATABASE does not go into a transaction.
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
    ):
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    return postgres_url.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each backend in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/injector.db"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[ConfigurationStore]:
    """Open an empty store."""
    async with connect(database_url) as opened:
        yield opened


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Run the service on the embedded default."""
    async with running_service(Settings(grpc="127.0.0.1:0", data=tmp_path)) as running:
        yield running
