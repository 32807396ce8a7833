"""A server that mail goes on to: it says what it is told to, and shows what it got."""

import asyncio
import contextlib
import dataclasses
import enum
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final


class Instead(enum.Enum):
    """What happens where an answer should come."""

    CLOSED = "the connection is closed"
    CUT = "it is reset"
    SILENCE = "nothing"


# What is said for a verb; each time the next of several, and the last one again and again.
Answer = bytes | Instead | list[bytes | Instead]

GREETING: Final = b""
END: Final = b"."
"""Stands for the end of a message."""

OK: Final = b"250 2.0.0 Ok"
EXTENSIONS: Final = (b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"DSN", b"CHUNKING", b"SIZE 99999999")
_ORDINARY: Final[Mapping[bytes, bytes]] = {
    GREETING: b"220 next.example ESMTP",
    b"DATA": b"354 Go on",
    b"QUIT": b"221 2.0.0 Bye",
}


@dataclasses.dataclass
class Received:
    """A message that has come."""

    connection: int
    mail: bytes
    recipients: list[bytes]
    message: bytes


class ANextHop:
    """What to say, and what came."""

    def __init__(
        self,
        answers: Mapping[bytes, Answer] | None = None,
        *,
        extensions: tuple[bytes, ...] = EXTENSIONS,
        is_lmtp: bool = False,
        certificate: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.answers: dict[bytes, Answer] = {**_ORDINARY, **(answers or {})}
        self.extensions = extensions
        self.is_lmtp = is_lmtp
        self.unanswered: bytes | None = None
        """The recipient whose messages are taken and never answered for."""
        self.is_lenient = False
        """Whether it takes messages to nobody."""
        self.certificate = certificate
        self.received: list[Received] = []
        self.commands: list[bytes] = []
        """All of them, of all connections."""
        self.commands_of: dict[int, list[bytes]] = {}
        """The same by the connection's number."""
        self.connections = 0
        self.begun = asyncio.Event()
        """Set when a message begins to come, that is, after the answer to DATA."""
        self.silent = asyncio.Event()
        """Set when something is not answered."""
        self.closed = asyncio.Semaphore(0)
        """Released for each connection that is over."""
        self.address = "127.0.0.1", port
        self.writers: list[asyncio.StreamWriter] = []

    def answer(self, verb: bytes) -> bytes | Instead:
        """Return what is said to *verb* this time."""
        found = self.answers.get(verb, OK)
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ANextHop"]:
        """Serve inside the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.address[1], limit=2**26)
        host, port, *_ = server.sockets[0].getsockname()
        self.address = host, port
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        session = _Session(self, reader, writer, self.connections)
        with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError):
            await session.run()
        writer.close()
        self.closed.release()


class _Session:
    def __init__(
        self,
        hop: ANextHop,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
    ) -> None:
        self._hop = hop
        self._reader = reader
        self._writer = writer
        self._number = number
        self._mail = b""
        self._recipients: list[bytes] = []
        self._chunks = b""

    async def run(self) -> None:
        await self._say(GREETING)
        while line := await self._reader.readline():
            line = line.removesuffix(b"\r\n")
            self._hop.commands.append(line)
            self._hop.commands_of.setdefault(self._number, []).append(line)
            verb, _, argument = line.partition(b" ")
            await self._obey(verb.upper(), argument)

    async def _obey(self, verb: bytes, argument: bytes) -> None:
        match verb:
            case b"EHLO" | b"LHLO" if verb not in self._hop.answers:
                lines = [b"next.example", *self._hop.extensions]
                text = b"\r\n".join(b"250-%b" % each for each in lines[:-1])
                await self._write(text + b"\r\n250 " + lines[-1])
            case b"MAIL" if self._mail:
                await self._write(b"503 5.5.1 One message at a time")
            case b"RCPT" if not self._mail:
                await self._write(b"503 5.5.1 MAIL first")
            case b"DATA" if not self._recipients and not self._hop.is_lenient:
                await self._write(b"554 5.5.1 No valid recipients")
            case b"DATA":
                if (await self._say(verb)).startswith(b"354"):
                    self._hop.begun.set()
                    await self._take_message()
            case b"BDAT":
                await self._take_chunk(argument)
            case b"STARTTLS" if self._hop.certificate is not None:
                await self._say(verb)
                await self._writer.start_tls(self._hop.certificate)
            case _:
                answer = await self._say(verb)
                self._note(verb, argument, is_taken=answer.startswith(b"2"))

    def _note(self, verb: bytes, argument: bytes, *, is_taken: bool) -> None:
        if verb in (b"RSET", b"MAIL"):
            self._mail, self._recipients, self._chunks = b"", [], b""
        if verb == b"MAIL" and is_taken:
            self._mail = argument
        if verb == b"RCPT" and is_taken:
            self._recipients.append(argument)

    async def _take_message(self) -> None:
        # The CRLF of the last line is a part of the message and of its end.
        lines = [b"\r\n"]
        while lines[-1] != b".\r\n" or not lines[-2].endswith(b"\r\n"):
            lines.append(await self._reader.readuntil(b"\n"))
        await self._end(b"".join(lines[:-1]).replace(b"\r\n.", b"\r\n")[2:])

    async def _take_chunk(self, argument: bytes) -> None:
        size, *last = argument.split()
        self._chunks += await self._reader.readexactly(int(size))
        if last:
            await self._end(self._chunks)

    async def _end(self, message: bytes) -> None:
        self._hop.received.append(Received(self._number, self._mail, self._recipients, message))
        if self._hop.unanswered in self._recipients:
            await self._do(Instead.SILENCE)
        for _ in self._recipients if self._hop.is_lmtp else (None,):
            await self._say(END)
        self._mail, self._recipients, self._chunks = b"", [], b""

    async def _say(self, verb: bytes) -> bytes:
        answer = self._hop.answer(verb)
        if isinstance(answer, Instead):
            await self._do(answer)
            return b""
        await self._write(answer)
        return answer

    async def _do(self, instead: Instead) -> None:
        if instead is Instead.SILENCE:
            self._hop.silent.set()
            # Until the client goes: what it says is not heard.
            while await self._reader.read(65_536):
                pass
        if instead is Instead.CUT:
            self._writer.transport.abort()
        raise EOFError

    async def _write(self, octets: bytes) -> None:
        self._writer.write(octets + b"\r\n")
        await self._writer.drain()
