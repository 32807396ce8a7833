"""A client that says exactly what it is told to."""

import asyncio
import collections
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Self

from mail_bridge.smtp import Message, Reply, ReplyReader


def with_dots(message: bytes) -> bytes:
    """Return what is sent after DATA for *message*, with its end."""
    return b"".join(Message(message).stuffed_pieces(()))


class TalkingClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.reader = reader
        self._replies = ReplyReader()
        self._waiting = collections.deque[Reply]()

    async def say(self, octets: bytes) -> None:
        """Send *octets*."""
        self.writer.write(octets)
        await self.writer.drain()

    async def reply(self) -> Reply:
        """Return the next reply.

        Raises:
            EOFError: there is none.
        """
        while not self._waiting:
            octets = await self.reader.read(65_536)
            if not octets:
                raise EOFError
            self._waiting.extend(self._replies.feed(octets))
        return self._waiting.popleft()

    async def ask(self, *lines: bytes) -> Reply:
        """Send each of *lines* with its end and wait for its reply; return the last one."""
        for line in lines:
            await self.say(line + b"\r\n")
            reply = await self.reply()
        return reply

    async def send(self, message: bytes, *recipients: bytes) -> list[Reply]:
        """Send a message by LMTP, its dots as they are; return the answer for each recipient."""
        to = recipients or (b"reader@example.net",)
        await self.ask(b"MAIL FROM:<sender@example.com>", *(b"RCPT TO:<%b>" % each for each in to))
        await self.ask(b"DATA")
        await self.say(message + b".\r\n")
        return [await self.reply() for _ in to]

    async def start_tls(self, context: ssl.SSLContext) -> Self:
        """Speak TLS from now on."""
        await self.writer.start_tls(context, server_hostname="localhost")
        return self

    async def is_over(self) -> bool:
        """Wait for the end; return whether nothing was said before it."""
        try:
            await self.reply()
        except (EOFError, ConnectionError):
            return True
        return False


@contextlib.asynccontextmanager
async def talking_to(
    host: str, port: int, *, greets_with: bytes | None = b"LHLO client.example"
) -> AsyncIterator[TalkingClient]:
    """Connect, take the greeting and greet."""
    reader, writer = await asyncio.open_connection(host, port)
    client = TalkingClient(reader, writer)
    try:
        if greets_with is not None:
            assert (await client.reply()).code == 220
            assert (await client.ask(greets_with)).code == 250
        yield client
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
