"""An SMTP server that keeps what it is given octet by octet, and answers as a test says.

It runs in a thread of its own, so that tests can wait for what comes with plain calls.  Not
aiosmtpd, which knows no DSN and changes the case of parameters.
"""

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

HOST: Final = "127.0.0.1"

# Above what any test sends; a client that sends more is at fault, and its test fails.
MAX_OCTETS: Final = 64 * 2**20

# Only ends what hangs: a machine under load may need long for a hundred messages.
WAIT_SECONDS: Final = 60

EXTENSIONS: Final = ("PIPELINING", "SIZE 60000000", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN")

CLOSE: Final = ""
"""An answer that is none: the connection is closed instead."""

SILENCE: Final = "silence"
"""An answer that never comes."""

_END: Final = b"\r\n.\r\n"

Answer = Callable[["Envelope"], str]
Phase = tuple[Answer, Answer]


@dataclasses.dataclass(slots=True)
class Envelope:
    """What a client has said of a message so far; a whole one has octets."""

    client: str = ""
    """What the client calls itself."""

    login: str = ""
    """Who has logged in over the connection: the argument of AUTH as it came."""

    mail: str = ""
    """The argument of MAIL as it came."""

    recipients: list[str] = dataclasses.field(default_factory=list)
    """The arguments of RCPT as they came; the last may yet be refused."""

    octets: bytes = dataclasses.field(default=b"", repr=False)

    arrived: float = 0.0
    """When its end came, by the monotonic clock."""

    @property
    def sender(self) -> str:
        """The address of the sender."""
        return self.mail.partition("<")[2].partition(">")[0]

    @property
    def addresses(self) -> list[str]:
        """The addresses of the recipients."""
        return [each.partition("<")[2].partition(">")[0] for each in self.recipients]


def _accept(_: Envelope) -> str:
    return "250 2.0.0 Ok"


@dataclasses.dataclass(slots=True, kw_only=True)
class Answers:
    """What the sink says; a test replaces what it wants said otherwise."""

    to_recipient: Answer = _accept
    """To the last of the recipients."""

    to_message: Answer = _accept

    to_login: Callable[[str], str] | None = None
    """To the argument of AUTH; None: it has no logins, else it takes mail after one only."""


class ByteSink:
    """A running sink."""

    def __init__(self) -> None:
        self.port = 0
        self.answers = Answers()
        self._news = threading.Condition()
        self._accepted: list[Envelope] = []
        self._refused: list[Envelope] = []

    @property
    def accepted(self) -> list[Envelope]:
        """The messages that were accepted so far."""
        with self._news:
            return list(self._accepted)

    @property
    def refused(self) -> list[Envelope]:
        """Those that were not, and recipients that were refused."""
        with self._news:
            return list(self._refused)

    def wait_for(self, count: int, *, sender: str | None = None) -> list[Envelope]:
        """Return the accepted messages, of *sender* if there is one, once there are *count*."""

        def found() -> list[Envelope]:
            return [each for each in self._accepted if sender in {None, each.sender}]

        with self._news:
            assert self._news.wait_for(lambda: len(found()) >= count, WAIT_SECONDS), (
                f"{len(found())} of {count} messages came"
            )
            return found()

    def clear(self) -> None:
        """Forget what came, and answer as usual."""
        with self._news:
            self._accepted.clear()
            self._refused.clear()
        self.answers = Answers()

    def note(self, envelope: Envelope, *, is_accepted: bool) -> None:
        """Keep *envelope*."""
        with self._news:
            (self._accepted if is_accepted else self._refused).append(envelope)
            self._news.notify_all()


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._client = ""
        self._login = ""
        self._envelope = Envelope()
        self._in_data = False
        self._looked_at = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say("220 sink.example ESMTP")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        assert len(self._buffer) <= MAX_OCTETS
        while not self._transport.is_closing() and (
            self._take_message() if self._in_data else self._take_command()
        ):
            pass

    def _say(self, line: str) -> None:
        if line == CLOSE:
            self._transport.abort()
        elif line != SILENCE:
            self._transport.write(line.encode() + b"\r\n")

    def _take_command(self) -> bool:
        line, end, _ = self._buffer.partition(b"\r\n")
        if not end:
            return False
        del self._buffer[: len(line) + 2]
        verb, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
        match verb.upper():
            case "EHLO":
                self._greet(argument)
            case "AUTH" if self._sink.answers.to_login:
                self._log_in(self._sink.answers.to_login(argument), argument)
            case "MAIL" if self._sink.answers.to_login and not self._login:
                self._say("530 5.7.0 Log in")
            case "MAIL":
                self._envelope = Envelope(mail=argument)
                self._say("250 2.1.0 Ok")
            case "RCPT":
                self._take_recipient(argument)
            case "DATA" if self._envelope.recipients:
                # The line end before the message belongs to what ends an empty one.
                self._buffer[:0] = b"\r\n"
                self._in_data, self._looked_at = True, 0
                self._say("354 Go on")
            case "RSET" | "NOOP":
                self._say("250 2.0.0 Ok")
            case "QUIT":
                self._say("221 2.0.0 Bye")
                self._transport.close()
            case _:
                self._say("503 5.5.1 Not now")
        return True

    def _greet(self, client: str) -> None:
        self._client = client
        logins = ["AUTH PLAIN"] if self._sink.answers.to_login else []
        lines = ("sink.example", *EXTENSIONS, *logins, "SMTPUTF8")
        for each in lines[:-1]:
            self._say(f"250-{each}")
        self._say(f"250 {lines[-1]}")

    def _log_in(self, answer: str, argument: str) -> None:
        self._login = argument if answer.startswith("2") else ""
        self._say(answer)

    def _take_recipient(self, argument: str) -> None:
        recipients = [*self._envelope.recipients, argument]
        envelope = dataclasses.replace(self._envelope, recipients=recipients)
        answer = self._sink.answers.to_recipient(envelope)
        if answer.startswith("2"):
            self._envelope = envelope
        else:
            self._sink.note(envelope, is_accepted=False)
        self._say(answer)

    def _take_message(self) -> bool:
        end = self._buffer.find(_END, max(0, self._looked_at - len(_END)))
        self._looked_at = len(self._buffer)
        if end < 0:
            return False
        # Each line is looked at with the line end before it.
        stuffed = bytes(self._buffer[: end + 2])
        del self._buffer[: end + len(_END)]
        self._in_data = False
        envelope = dataclasses.replace(
            self._envelope,
            client=self._client,
            login=self._login,
            octets=stuffed.replace(b"\r\n.", b"\r\n")[2:],
            arrived=time.monotonic(),
        )
        self._envelope = Envelope()
        answer = self._sink.answers.to_message(envelope)
        self._sink.note(envelope, is_accepted=answer.startswith("2"))
        self._say(answer)
        return True


@contextlib.contextmanager
def running_sink() -> Iterator[ByteSink]:
    """Run a sink inside the block."""
    sink, loop = ByteSink(), asyncio.new_event_loop()

    async def listen() -> asyncio.Server:
        server = await loop.create_server(lambda: _Connection(sink), HOST, 0, backlog=200)
        sink.port = server.sockets[0].getsockname()[1]
        return server

    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, name="sink")
    thread.start()
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
