"""Writes to an SQLite log through the process that holds it."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from pixel_service.errors import LogUnavailable
from pixel_service.open_log.news import News
from pixel_service.open_log.sqlite.sharing import frames as sqlite_wire
from pixel_service.open_log.sqlite.sharing.frames import Frame, Kind
from pixel_service.open_log.values import OpenRecord, Position

# Request numbers, which only have to differ among those under way.
_NUMBERS: Final = 2**32


class WriterGone(LogUnavailable):
    """The process that writes has ended; another one takes over."""


class RemoteWriter:
    """See `Writer`.  Also passes on what the writing process tells of new opens."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, news: News
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._news = news
        self._numbers = itertools.cycle(range(1, _NUMBERS))
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._is_gone = False

    async def append(self, opens: Sequence[OpenRecord]) -> None:
        """See `Writer`."""
        await self._ask(Kind.APPEND, sqlite_wire.encode_opens(opens))

    async def execute(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        """See `Writer`."""
        request = json.dumps({"command": command, "arguments": arguments})
        return json.loads(await self._ask(Kind.COMMAND, request.encode()))

    async def _ask(self, kind: Kind, payload: bytes) -> bytes:
        if self._is_gone:
            raise WriterGone
        if len(payload) > sqlite_wire.MAX_PAYLOAD_OCTETS:
            raise ValueError(f"a request of {len(payload)} octets")
        number = next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(sqlite_wire.encode(Frame(kind, number, payload)))
            await self._writer.drain()
            return await answer
        except ConnectionError:
            raise WriterGone from None
        finally:
            self._waiting.pop(number, None)

    async def listen(self) -> None:
        """Take in answers and news until the writing process has gone."""
        try:
            while (frame := await sqlite_wire.read(self._reader)) is not None:
                self._take_in(frame)
        finally:
            self._is_gone = True
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(WriterGone())

    def _take_in(self, frame: Frame) -> None:
        if frame.kind is Kind.HEAD:
            self._news.advance(Position(0, sqlite_wire.decode_sequence(frame.payload)))
            return
        answer = self._waiting.get(frame.number)
        if answer is None or answer.done():
            return
        if frame.kind is Kind.DONE:
            answer.set_result(frame.payload)
        else:
            answer.set_exception(LogUnavailable())


@contextlib.asynccontextmanager
async def remote_writer(path: Path, news: News) -> AsyncIterator[RemoteWriter]:
    """Connect to the process that listens on the socket *path*.

    Raises:
        OSError: no process listens there.
    """
    with sqlite_wire.address_of(path) as address:
        reader, writer = await asyncio.open_unix_connection(address)
    try:
        yield RemoteWriter(reader, writer, news)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
