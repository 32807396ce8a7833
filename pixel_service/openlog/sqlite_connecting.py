"""Opens an SQLite log: finds out who writes, and puts the pieces together."""

import asyncio
import concurrent.futures
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pixel_service.openlog import schema, sqlite_engine, sqlite_read
from pixel_service.openlog.news import News
from pixel_service.openlog.numbering import BurstWindow
from pixel_service.openlog.sqlite_log import SqliteOpenLog
from pixel_service.openlog.sqlite_writer import WriterThread
from pixel_service.opens import LogIdentity, OpenRecord, Position


class LocalWriter:
    """The writer thread of this process; tells the readers of this process."""

    def __init__(self, thread: WriterThread, news: News) -> None:
        self._thread = thread
        self._news = news

    async def append(self, opens: Sequence[OpenRecord]) -> None:
        """See `Writer`."""
        self._news.advance(Position(0, await self._thread.append(opens)))

    async def execute(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        """See `Writer`."""
        return await self._thread.execute(command, **arguments)


@contextlib.asynccontextmanager
async def connect_sqlite(
    path: Path, *, number_open: Callable[[int, int], bytes], burst_window: dt.timedelta
) -> AsyncIterator[SqliteOpenLog]:
    """Open the log in the file *path*, and create or migrate it as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        news = News()
        write_engine = sqlite_engine.writer_engine(path)
        stack.callback(write_engine.dispose)
        identity = await asyncio.to_thread(_prepare, write_engine)
        read_engine = sqlite_engine.reader_engine(path)
        stack.callback(read_engine.dispose)
        threads = stack.enter_context(
            concurrent.futures.ThreadPoolExecutor(sqlite_engine.READERS, "open log reader")
        )
        thread = WriterThread(write_engine, window=BurstWindow(window=burst_window))
        await stack.enter_async_context(thread.running())
        log = SqliteOpenLog(
            identity=identity,
            engine=read_engine,
            threads=threads,
            writer=LocalWriter(thread, news),
            news=news,
            number_open=number_open,
        )
        _, last = await log.query(sqlite_read.ends)
        news.advance(Position(0, last))
        await stack.enter_async_context(log.subscriptions.running())
        yield log


def _prepare(engine: sa.Engine) -> LogIdentity:
    with engine.begin() as connection:
        schema.migrate(connection)
        return schema.identity_of(connection)
