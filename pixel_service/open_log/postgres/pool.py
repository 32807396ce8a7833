"""Connections to PostgreSQL, and what becomes of their failures."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pixel_service.errors import LogUnavailable

# Connections of one process: one that listens, one or two that append, the rest for
# streams that replay.
_POOL_SIZE: Final = 8

# How long a connection may take to come about, and a statement to be carried out.
_CONNECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 10.0

# What a caller waits for a free connection.
_POOL_SECONDS: Final = 10.0

Answer = TypeVar("Answer")

logger = structlog.get_logger()


def create_engine(url: sa.URL) -> AsyncEngine:
    """Return an engine for the database at *url*."""
    return create_async_engine(
        url,
        hide_parameters=True,  # errors are logged, and parameters are personal data
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _STATEMENT_SECONDS,
            "server_settings": {
                "application_name": "emailopens",
                # A transaction of ours that hangs would hold back every reader.
                "idle_in_transaction_session_timeout": "10000",
            },
        },
    )


@contextlib.asynccontextmanager
async def failures_as_unavailable() -> AsyncIterator[None]:
    """Turn whatever the database or the way to it raises into `LogUnavailable`."""
    try:
        yield
    except (
        sa.exc.SQLAlchemyError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        OSError,
    ) as error:
        # Also TimeoutError, which is an OSError.  Never the statement's parameters,
        # which are personal data: so the cause's class, and its text only if it is
        # the server's.
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        logger.warning(
            "log's database failed",
            cause=type(cause).__name__,
            sqlstate=getattr(cause, "sqlstate", None),
        )
        raise LogUnavailable from error


@contextlib.asynccontextmanager
async def driver_connection(engine: AsyncEngine) -> AsyncIterator[asyncpg.Connection]:
    """Lend the driver's own connection, outside a transaction: each statement commits.

    Raises:
        LogUnavailable: from the block, too.
    """
    async with failures_as_unavailable(), engine.connect() as connection:
        pooled = await connection.get_raw_connection()
        driver: asyncpg.Connection = pooled.driver_connection
        try:
            yield driver
        except BaseException:
            # Nobody knows what state it is in: do not lend it again.
            await connection.invalidate()
            raise


async def run(
    engine: AsyncEngine, function: Callable[[sa.Connection], Answer], *, writes: bool
) -> Answer:
    """Run *function* in one transaction; return its result.

    Raises:
        LogUnavailable: the database failed; if it *writes*, the outcome is unknown.
    """
    async with failures_as_unavailable():
        if writes:
            async with engine.begin() as connection:
                return await connection.run_sync(function)
        async with engine.connect() as connection:
            return await connection.run_sync(function)
