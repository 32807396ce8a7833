"""Connecting to the database, and telling its silence from an answer."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from injector_service.errors import DatabaseUnusable, StorageUnavailable

# How long one call may wait for the database, connecting included.
ANSWER_SECONDS: Final = 5

# One process needs a few milliseconds for it, and 0.1 s on a slow disk.
_WAL_ATTEMPTS: Final = 100
_WAL_WAIT_SECONDS: Final = 0.02

# Calls that are not `RewriteMessage` are few, and more than a few at once would
# only wait for each other.
POOL_SIZE: Final = 4

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

# Something is wrong with a statement and not with the database: a fault of ours.
_FAULTS: Final = (sa.exc.ProgrammingError, sa.exc.DataError, sa.exc.IntegrityError)


@contextlib.asynccontextmanager
async def database(url: str) -> AsyncIterator[AsyncEngine]:
    """Provide an engine for the database at *url* inside the block.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`.

    Raises:
        DatabaseUnusable: *url* is none of these, or its driver is not installed.
    """
    engine = _engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Bound the time that the block waits for the database.

    Raises:
        StorageUnavailable: the database does not answer, or cannot at the moment.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except _FAULTS:
        raise
    except (sa.exc.DBAPIError, sa.exc.TimeoutError, OSError) as error:
        # OSError holds TimeoutError, and what asyncpg meets while it connects.
        raise StorageUnavailable from error


def _engine(url: str) -> AsyncEngine:
    try:
        parsed = sa.make_url(url)
        parsed = parsed.set(drivername=_DRIVERS[parsed.drivername])
    except (sa.exc.ArgumentError, KeyError):
        # Not the cause: it may quote a password.
        raise DatabaseUnusable(
            "the database URL must start with sqlite:/// or postgresql://"
        ) from None
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed)
        return create_async_engine(
            parsed,
            hide_parameters=True,  # errors are logged, and senders are addresses
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=ANSWER_SECONDS,
            # A connection that died in an outage is found out before it is used.
            pool_pre_ping=True,
            connect_args={"timeout": ANSWER_SECONDS, "command_timeout": ANSWER_SECONDS},
        )
    except ModuleNotFoundError as error:
        raise DatabaseUnusable(
            f"{parsed.get_backend_name()} needs {error.name}: pip install 'emailopens[postgres]'"
        ) from None


def _sqlite_engine(url: sa.URL) -> AsyncEngine:
    folder = Path(url.database or "").parent
    if not folder.is_dir():
        raise DatabaseUnusable(f"{folder}: no such folder")
    engine = create_async_engine(
        url,
        hide_parameters=True,  # as above
        pool_size=POOL_SIZE,
        max_overflow=0,
        connect_args={"timeout": ANSWER_SECONDS},
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        _use_wal(cursor)
        # NORMAL would let a power loss undo what was answered.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return engine


def _use_wal(cursor: sa.engine.interfaces.DBAPICursor) -> None:
    """Let other processes read while one writes.

    QUIRK: SQLite's busy timeout does not hold for the change of the journal mode:
    of several processes that meet a new database at once, all but one are told that
    it is locked.  The change takes milliseconds, and is made once and for all.
    """
    for attempts_left in reversed(range(_WAL_ATTEMPTS)):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not attempts_left:
                raise
            time.sleep(_WAL_WAIT_SECONDS)
        else:
            return
