"""Connections to PostgreSQL, and what becomes of their failures."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from pixel_service.errors import LogDamaged, LogRefused, LogUnavailable
from service_runtime.outage import Outage

# Connections of one process: one that listens, one or two that append, the rest for
# streams that replay.
_POOL_SIZE: Final = 8

# How long a connection may take to come about, and a statement to be carried out.
_CONNECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 10.0

# What a caller waits for a free connection.
_POOL_SECONDS: Final = 10.0

# What appends tries again every two seconds, what listens every five: as long as one of them
# fails, the others that succeed mean nothing.
_SETTLED_SECONDS: Final = 10.0

# The driver's errors have no common base.  It raises the third, which SQLAlchemy does not
# know of, on a connection that the server ended in the middle of something.  TimeoutError
# is an OSError.
FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    sa.exc.SQLAlchemyError,
    EOFError,
    OSError,
)

# Data and indexes that are corrupted (PostgreSQL's appendix "Error Codes", class XX).
_DAMAGE: Final = frozenset({"XX001", "XX002"})
_DISK_FULL: Final = "53100"

# Classes that are about what was written: data that cannot be, a constraint, a limit.
_REFUSALS: Final = frozenset({"22", "23", "54"})

Answer = TypeVar("Answer")


class Pool:
    """Connections to the database at *url*."""

    def __init__(self, url: sa.URL) -> None:
        self._engine = create_async_engine(
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
        self._outage = Outage(
            "log's database failed",
            "log's database works again",
            settled_seconds=_SETTLED_SECONDS,
        )
        self.is_open = False
        """Whether failures are logged here; before that whoever opens the log says why not."""

    async def dispose(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def run(self, function: Callable[[sa.Connection], Answer], *, writes: bool) -> Answer:
        """Run *function* in one transaction; return its result.

        Raises:
            LogUnavailable: the database failed; if it *writes*, the outcome is unknown.
        """
        async with self._lent() as connection:
            answer = await connection.run_sync(function)
            if writes:
                await connection.commit()
            return answer

    @contextlib.asynccontextmanager
    async def driver_connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend the driver's own connection, outside a transaction: each statement commits.

        Raises:
            LogUnavailable: from the block, too.
        """
        async with self._lent() as connection:
            pooled = await connection.get_raw_connection()
            driver: asyncpg.Connection = pooled.driver_connection
            yield driver

    @contextlib.asynccontextmanager
    async def _lent(self) -> AsyncIterator[AsyncConnection]:
        async with self._failures_as_unavailable(), self._engine.connect() as connection:
            try:
                yield connection
            except BaseException:
                # Nobody knows what state it is in: do not lend it again.
                await connection.invalidate()
                raise

    @contextlib.asynccontextmanager
    async def _failures_as_unavailable(self) -> AsyncIterator[None]:
        """Turn whatever the database or the way to it raises into what a caller may see.

        Raises:
            LogDamaged: PostgreSQL says that its tables or indexes are.
            LogRefused: it does not take what was written.
            LogUnavailable: anything else.
        """
        try:
            yield
        except FAILURES as error:
            # Never the statement's parameters, nor the server's text, which may quote them:
            # they are personal data.
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            sqlstate = getattr(cause, "sqlstate", None)
            visible = _visible(sqlstate)
            # One that refuses works; whoever has written says what was refused.
            if self.is_open and not isinstance(visible, LogRefused):
                self._outage.failed(cause=type(cause).__name__, sqlstate=sqlstate)
            raise visible from error
        else:
            self._outage.worked()


def _visible(sqlstate: str | None) -> LogUnavailable:
    if sqlstate in _DAMAGE:
        return LogDamaged()
    if sqlstate is None:
        return LogUnavailable()
    if sqlstate == _DISK_FULL:
        return LogUnavailable("the log's disk is full")
    kind = LogRefused if sqlstate[:2] in _REFUSALS else LogUnavailable
    return kind(f"the log's database failed: SQLSTATE {sqlstate}")
