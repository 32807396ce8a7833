"""Opens an SQLite log, in one process at a time."""

import asyncio
import concurrent.futures
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import sqlalchemy as sa

from pixel_service.errors import LogUnavailable
from pixel_service.open_log.news import News
from pixel_service.open_log.numbering import BurstWindow
from pixel_service.open_log.sql import schema, stream_statements, webhook_statements
from pixel_service.open_log.sqlite.engine import READERS, reader_engine, writer_engine
from pixel_service.open_log.sqlite.failures import failures_as_unavailable
from pixel_service.open_log.sqlite.lock import writer_lock
from pixel_service.open_log.sqlite.log import SqliteOpenLog
from pixel_service.open_log.sqlite.reading import ends
from pixel_service.open_log.sqlite.writer import WriterThread
from pixel_service.open_log.statistics import CountingRules
from pixel_service.open_log.values import LogIdentity, Position


@contextlib.asynccontextmanager
async def connect_sqlite(
    path: Path,
    *,
    number_open: Callable[[int, int], bytes],
    burst_window: dt.timedelta,
    counting_rules: CountingRules,
) -> AsyncIterator[SqliteOpenLog]:
    """Open the log in the file *path*, and create or migrate it as needed.

    Call it after forking, not before: a child would keep the writer's lock.

    Raises:
        LogSchemaOld: the log is newer than this program.
        LogUnavailable: the file cannot be used, or another process has it open.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogUnavailable(f"the log's folder cannot be made: {error.strerror}") from error
    async with contextlib.AsyncExitStack() as stack:
        with failures_as_unavailable():
            stack.enter_context(writer_lock(path))
            writes = writer_engine(path)
            stack.callback(writes.dispose)
            head = await asyncio.to_thread(_prepare, writes)
        news = News()
        news.advance(Position(0, head))
        engine = reader_engine(path)
        stack.callback(engine.dispose)
        threads = stack.enter_context(
            concurrent.futures.ThreadPoolExecutor(READERS, "open log reader")
        )
        writer = WriterThread(writes, window=BurstWindow(window=burst_window))
        await stack.enter_async_context(writer.running())
        log = SqliteOpenLog(
            identity=_identity_of(engine),
            engine=engine,
            threads=threads,
            writer=writer,
            news=news,
            number_open=number_open,
            counting_rules=counting_rules,
        )
        await stack.enter_async_context(log.subscriptions.running())
        yield log


def begin_epoch_sqlite(path: Path) -> int:
    """Begin a new epoch of the log in the file *path*; return its number.

    Raises:
        LogSchemaOld: the log is newer than this program.
        LogUnavailable: there is none, a process has it open, or the file cannot be used.
    """
    if not path.exists():
        raise LogUnavailable(f"there is no log in the file {path}")
    with failures_as_unavailable(), writer_lock(path):
        engine = writer_engine(path)
        try:
            with engine.begin() as connection:
                schema.migrate(connection)
                return schema.begin_epoch(connection)
        finally:
            engine.dispose()


def _prepare(engine: sa.Engine) -> int:
    """Bring the tables up to date; return the last sequence number."""
    with engine.begin() as connection:
        schema.migrate(connection)
        # Whoever delivered or streamed is gone: one process has the file.
        webhook_statements.release(connection, owner=None)
        stream_statements.lose_all(connection)
        _, last = ends(connection)
        return last


def _identity_of(engine: sa.Engine) -> LogIdentity:
    with failures_as_unavailable(), engine.connect() as connection:
        return schema.identity_of(connection)
