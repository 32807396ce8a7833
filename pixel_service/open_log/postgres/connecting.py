"""Opens a log on PostgreSQL, and migrates it when an operator says so."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Final

import asyncpg
import sqlalchemy as sa

from pixel_service.errors import LogSchemaOld
from pixel_service.open_log.postgres import restoring
from pixel_service.open_log.postgres.log import PostgresOpenLog
from pixel_service.open_log.postgres.pool import Pool
from pixel_service.open_log.sql import schema
from pixel_service.open_log.statistics import CountingRules
from pixel_service.open_log.values import LogIdentity
from service_runtime.background import kept_running

# Of `pg_advisory_xact_lock`: the first octets of "opens" in ASCII.
_MIGRATION_LOCK: Final = 0x6F70656E73

# Classes of SQLSTATE that no waiting mends: a transaction that may only read, a schema that
# is not there, statements that the tables or the rights do not allow.
_NOT_PASSING: Final = frozenset({"25", "3F", "42"})


@contextlib.asynccontextmanager
async def connect_postgres(
    url: sa.URL,
    *,
    number_open: Callable[[int, int], bytes],
    burst_window: dt.timedelta,
    counting_rules: CountingRules,
) -> AsyncIterator[PostgresOpenLog]:
    """Open the log in the database at *url*, which must have been migrated.

    Raises:
        LogSchemaOld: it was not, or it was restored since.
        LogUnavailable: the database does not answer.
    """
    pool = Pool(url)
    try:
        identity = await pool.run(_identity, writes=False)
        pool.is_open = True
        log = PostgresOpenLog(
            identity=identity,
            pool=pool,
            number_open=number_open,
            burst_window=burst_window,
            counting_rules=counting_rules,
        )
        async with (
            kept_running("head of the log", log.follower.follow),
            log.subscriptions.running(),
        ):
            try:
                yield log
            finally:
                await log.finish()
    finally:
        await pool.dispose()


async def migrate_postgres(url: sa.URL) -> None:
    """Create or migrate the log in the database at *url*.  Safe to run twice at once.

    Raises:
        LogSchemaOld: the log is newer than this program, or its tables cannot be made.
        LogUnavailable: the database does not answer.
    """
    pool = Pool(url)
    try:
        await pool.run(_migrate, writes=True)
    finally:
        await pool.dispose()


async def begin_epoch_postgres(url: sa.URL) -> int:
    """Begin a new epoch of the log in the database at *url*; return its number.

    Raises:
        LogSchemaOld: it must be migrated first.
        LogUnavailable: the database does not answer.
    """
    pool = Pool(url)
    try:
        return await pool.run(_begin_epoch, writes=True)
    finally:
        await pool.dispose()


def _begin_epoch(connection: sa.Connection) -> int:
    _identity(connection)
    return schema.begin_epoch(connection)


def _identity(connection: sa.Connection) -> LogIdentity:
    schema.check(connection)
    if restoring.is_restored(connection):
        raise LogSchemaOld(
            "the log was restored into another database cluster: run `pixel-service log migrate` "
            "first; cursors from before are refused then, subscriptions go on"
        )
    return schema.identity_of(connection)


def _migrate(connection: sa.Connection) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    try:
        schema.migrate(connection)
    except sa.exc.DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if not isinstance(cause, asyncpg.PostgresError) or cause.sqlstate[:2] not in _NOT_PASSING:
            raise
        # The operator's own database: what the server says of its tables and rights is no
        # secret, and is what must be mended.
        sentence = str(cause).partition("\n")[0]
        raise LogSchemaOld(f"the log's tables cannot be made: {sentence}") from error
    if restoring.is_restored(connection):
        restoring.adopt(connection)
