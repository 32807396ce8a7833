"""Serves the processes that share an SQLite log with the one that writes."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import structlog

from pixel_service.errors import LogUnavailable
from pixel_service.open_log.news import News
from pixel_service.open_log.sqlite.sharing import frames as sqlite_wire
from pixel_service.open_log.sqlite.sharing.frames import Frame, Kind, WireError
from pixel_service.open_log.sqlite.writer import Writer
from service_runtime.background import running

# Requests of one process under way; its recorder has one or two, its streams some
# acknowledgements.  Beyond it the process is not read from.
_MAX_REQUESTS: Final = 64

# Processes that wait to be accepted.
_BACKLOG: Final = 128

_log = structlog.get_logger()


class _Peer:
    """One process that is served."""

    def __init__(self, stream: asyncio.StreamWriter, writer: Writer, news: News) -> None:
        self._stream = stream
        self._writer = writer
        self._news = news
        self._requests: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(_MAX_REQUESTS)

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Carry out requests until the process goes."""
        async with running(self._tell_news()):
            try:
                while (frame := await sqlite_wire.read(reader)) is not None:
                    await self._room.acquire()
                    task = asyncio.create_task(self._answer(frame))
                    self._requests.add(task)
                    task.add_done_callback(self._forget)
            finally:
                if self._requests:
                    await asyncio.wait(self._requests)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._room.release()

    async def _answer(self, frame: Frame) -> None:
        try:
            answer = Frame(Kind.DONE, frame.number, await self._carry_out(frame))
        except LogUnavailable:
            answer = Frame(Kind.FAILED, frame.number, b"")
        except Exception as error:  # noqa: BLE001 - the other process must get an answer
            _log.error("request failed", cause=type(error).__name__, exc_info=error)
            answer = Frame(Kind.FAILED, frame.number, b"")
        await self._send(answer)

    async def _carry_out(self, frame: Frame) -> bytes:
        if frame.kind is Kind.APPEND:
            await self._writer.append(sqlite_wire.decode_opens(frame.payload))
            return b"null"
        if frame.kind is Kind.COMMAND:
            request = json.loads(frame.payload)
            result = await self._writer.execute(request["command"], **request["arguments"])
            return json.dumps(result).encode()
        raise WireError(f"a request of the kind {frame.kind.name}")

    async def _tell_news(self) -> None:
        while True:
            head = self._news.head
            payload = sqlite_wire.encode_sequence(head.sequence)
            await self._send(Frame(Kind.HEAD, 0, payload))
            await self._news.wait_beyond(head)

    async def _send(self, frame: Frame) -> None:
        # The other process may go at any moment; then nobody needs the answer.
        with contextlib.suppress(ConnectionError):
            self._stream.write(sqlite_wire.encode(frame))
            await self._stream.drain()


@contextlib.asynccontextmanager
async def serving(path: Path, writer: Writer, news: News) -> AsyncIterator[None]:
    """Serve on the socket *path* beside the block; on the way out finish what is under way."""
    peers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        try:
            await _Peer(stream, writer, news).serve(reader)
        except WireError as error:
            _log.error("peer does not speak our protocol", text=str(error))
        finally:
            stream.close()

    def accept(reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, stream))
        peers.add(task)
        task.add_done_callback(peers.discard)

    listening = _listen(path)
    server = await asyncio.start_unix_server(accept, sock=listening, backlog=_BACKLOG)
    try:
        yield
    finally:
        server.close()
        for task in peers:
            task.cancel()
        if peers:
            await asyncio.wait(peers)


def _listen(path: Path) -> socket.socket:
    """Return a socket at *path* that only our own user may connect to."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    with sqlite_wire.address_of(path) as address:
        listening.bind(address)
    # Nobody can connect before it listens, so there is no moment in which it is open.
    os.chmod(path, 0o600)  # noqa: PTH101 - not the path's target, if somebody has put a link
    return listening
