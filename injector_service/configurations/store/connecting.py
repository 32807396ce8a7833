"""Opening the store: its tables are made, or brought to the newest version."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from injector_service.configurations.store.engine import answering, database
from injector_service.configurations.store.store import ConfigurationStore
from injector_service.errors import DatabaseUnusable, StorageUnavailable
from service_runtime.schema import Schema, SchemaTooNew

SCHEMA: Final = Schema(
    version_table="injector_version", newest="0004", steps=Path(__file__).parent / "migrations"
)

# "emop" in ASCII: the advisory lock under which tables are changed.
_LOCK: Final = 0x656D6F70


@contextlib.asynccontextmanager
async def connect(url: str) -> AsyncIterator[ConfigurationStore]:
    """Open the store at *url* for the block.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`.

    Raises:
        DatabaseUnusable: it cannot be reached, or its tables are newer than this program.
    """
    async with database(url) as engine:
        try:
            async with answering(), engine.begin() as connection:
                await _prepare(connection)
        except SchemaTooNew as error:
            raise DatabaseUnusable(f"the database {error}") from error
        except StorageUnavailable as error:
            raise DatabaseUnusable(f"cannot open the database: {_reason(error)}") from error
        except sa.exc.DBAPIError as error:
            raise DatabaseUnusable(f"cannot set up the database: {error.orig}") from error
        yield ConfigurationStore(engine)


async def _prepare(connection: AsyncConnection) -> None:
    if connection.dialect.name == "postgresql":
        # Two processes that start at once would both change the tables.
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    else:
        # The same on SQLite, where a transaction that reads first may fail to write.
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await connection.run_sync(SCHEMA.upgrade)


def _reason(error: StorageUnavailable) -> str:
    cause = error.__cause__
    if isinstance(cause, sa.exc.DBAPIError):
        return str(cause.orig)
    return str(cause) or "no answer"
