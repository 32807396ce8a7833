"""Decides which of the processes that share an SQLite log writes.

Competing writers starve each other, so there is one: whoever has the lock on a file
beside the log.  It serves the others on a socket.  The lock ends with its process,
whatever ends it; then the others, whose connection breaks, compete for it anew.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
import structlog

from pixel_service.errors import LogSchemaOld, LogUnavailable
from pixel_service.open_log.news import News
from pixel_service.open_log.numbering import BurstWindow
from pixel_service.open_log.sql import schema
from pixel_service.open_log.sqlite import engine as sqlite_engine
from pixel_service.open_log.sqlite import reading as sqlite_read
from pixel_service.open_log.sqlite.sharing.client import WriterGone, remote_writer
from pixel_service.open_log.sqlite.sharing.server import serving
from pixel_service.open_log.sqlite.writer import Writer, WriterThread
from pixel_service.open_log.values import OpenRecord, Position
from service_runtime.background import kept_running

# Between attempts to find a role: the moment between a lock's end and the next
# writer's socket.
_RETRY_SECONDS: Final = 0.005

# Between attempts to write to a disk that fails.
_FAILURE_SECONDS: Final = 0.5

# How long a call waits for somebody to write.  A takeover takes milliseconds, unless
# the new writer has much to recover.
_MAX_WAIT_SECONDS: Final = 5.0

# How often an append is handed to the next writer when one dies on it.
_MAX_TAKEOVERS: Final = 3

_log = structlog.get_logger()


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


class SharedWriter:
    """See `Writer`.  Writes in this process, or through the one that does."""

    def __init__(self, path: Path, *, news: News, window: BurstWindow) -> None:
        self._path = path
        self._news = news
        self._window = window
        self._writer: Writer | None = None
        self._has_writer = asyncio.Event()
        self._refusal: LogSchemaOld | None = None

    @property
    def is_local(self) -> bool:
        """Whether this process writes."""
        return isinstance(self._writer, LocalWriter)

    async def append(self, opens: Sequence[OpenRecord]) -> None:
        """See `Writer`.  Goes on with the next writer when one dies."""
        for _ in range(_MAX_TAKEOVERS):
            writer = await self._current()
            # The opens may have been written all the same: then they are skipped.
            with contextlib.suppress(WriterGone):
                await writer.append(opens)
                return
            self._lose(writer)
        raise LogUnavailable

    async def execute(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        """See `Writer`."""
        writer = await self._current()
        return await writer.execute(command, **arguments)

    async def wait_until_ready(self) -> None:
        """Return when somebody writes, so that the tables are there.

        Raises:
            LogSchemaOld: the tables are newer than this program.
            LogUnavailable: nobody writes.
        """
        await self._current()

    async def _current(self) -> Writer:
        try:
            async with asyncio.timeout(_MAX_WAIT_SECONDS):
                await self._has_writer.wait()
        except TimeoutError:
            raise LogUnavailable("no process writes to the log") from None
        if self._refusal is not None:
            raise self._refusal
        if self._writer is None:
            raise LogUnavailable
        return self._writer

    def _gain(self, writer: Writer) -> None:
        self._writer = writer
        self._has_writer.set()

    def _lose(self, writer: Writer) -> None:
        if self._writer is writer:
            self._writer = None
            self._has_writer.clear()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take one of the two roles, and the other when it comes to that, beside the block."""
        async with kept_running("roles of the log's processes", self._take_roles):
            yield

    async def _take_roles(self) -> None:
        while True:
            try:
                with writer_lock(self._path) as is_ours:
                    if is_ours:
                        await self._write()
                        continue
            except LogSchemaOld as refusal:
                self._refusal = refusal
                self._has_writer.set()
                return
            except (OSError, sa.exc.DBAPIError) as error:
                _log.error("log cannot be written", cause=type(error).__name__, text=str(error))
                await asyncio.sleep(_FAILURE_SECONDS)
            # Whoever has the lock may not listen yet, or has just died.
            with contextlib.suppress(OSError):
                await self._follow()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _write(self) -> None:
        """Write until cancelled.

        Raises:
            LogSchemaOld: the tables are newer than this program.
        """
        async with contextlib.AsyncExitStack() as stack:
            engine = sqlite_engine.writer_engine(self._path)
            stack.callback(engine.dispose)
            head = await asyncio.to_thread(_prepare, engine)
            self._news.advance(Position(0, head))
            thread = WriterThread(engine, window=self._window)
            await stack.enter_async_context(thread.running())
            writer = LocalWriter(thread, self._news)
            await stack.enter_async_context(serving(_socket_of(self._path), writer, self._news))
            self._gain(writer)
            stack.callback(self._lose, writer)
            await asyncio.Event().wait()

    async def _follow(self) -> None:
        """Write through the process that has the lock, until it goes."""
        async with remote_writer(_socket_of(self._path), self._news) as writer:
            self._gain(writer)
            try:
                await writer.listen()
            finally:
                self._lose(writer)


def _socket_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sock")


def _prepare(engine: sa.Engine) -> int:
    """Bring the tables up to date; return the last sequence number."""
    with engine.begin() as connection:
        schema.migrate(connection)
        _, last = sqlite_read.ends(connection)
        return last


@contextlib.contextmanager
def writer_lock(path: Path) -> Iterator[bool]:
    """Lend whether this process may write to the log *path*, for the time of the block.

    Raises:
        OSError: the file beside the log that is locked cannot be opened.
    """
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
