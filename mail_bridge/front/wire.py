"""One client's octets: lines and chunks from it, replies to it, all of them bounded."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Final, cast

from mail_bridge.smtp import MAX_LINE_OCTETS, Reply

# No more is read while that much waits to be looked at.
_MOST_WAITING: Final = 64 * 1024

# Replies to pipelined commands are gathered up to here (RFC 2920 section 3.2).
_MOST_GATHERED: Final = 16 * 1024

# A line without end is passed over that far; what sends more is no mail client.
_MOST_PASSED_OVER: Final = 1024 * 1024

# A client that takes none of its replies for that long is gone.
_WRITE_SECONDS: Final = 60.0

# After the last reply: what has not left by then stays.
_CLOSE_SECONDS: Final = 10.0

# For a client that goes on sending after the last reply.
_LINGER_SECONDS: Final = 2.0

_HANDSHAKE_SECONDS: Final = 30.0


class Disconnected(Exception):
    """The client has gone, or takes nothing any more."""


class LineTooLong(Exception):
    """A line had more octets than any command may have.  It has been passed over."""


class LineWithoutEnd(Exception):
    """A line goes on and on."""


class Wire(asyncio.Protocol):
    """The connection of one client."""

    def __init__(self, on_connection: Callable[["Wire"], None]) -> None:
        self.is_tls = False
        self.peer = ""
        """The client's IP address."""
        self._on_connection = on_connection
        self._transport: asyncio.Transport
        self._octets = b""
        self._start = 0
        self._gathered: list[bytes] = []
        self._gathered_octets = 0
        self._has_ended = False
        self._is_lost = False
        self._arrival: asyncio.Future[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._abort: asyncio.TimerHandle | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session."""
        self._use(cast(asyncio.Transport, transport))
        place = transport.get_extra_info("peername")
        if place is None:  # it has gone already
            self._transport.abort()
            return
        self.peer = place[0].partition("%")[0]
        self._on_connection(self)

    def data_received(self, data: bytes) -> None:
        """Keep *data* for whoever looks at it next."""
        self._octets = self._octets[self._start :] + data if self.is_waiting else data
        self._start = 0
        if len(self._octets) > _MOST_WAITING:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Note that nothing more comes; where that is possible the client gets its replies."""
        self._has_ended = True
        self._wake()
        return not self.is_tls

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        """Note that the client is gone."""
        self._has_ended = self._is_lost = True
        self._may_write.set()
        self._wake()
        if self._abort is not None:
            self._abort.cancel()

    def pause_writing(self) -> None:
        """Have `flush` wait."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Have it go on."""
        self._may_write.set()

    # What a session calls.

    @property
    def is_waiting(self) -> bool:
        """Whether something that the client has sent waits to be looked at."""
        return self._start < len(self._octets)

    @property
    def has_line(self) -> bool:
        """Whether a whole line waits."""
        return self._octets.find(b"\n", self._start) >= 0

    async def line(self) -> bytes:
        """Return the next line, with its end.

        Raises:
            LineTooLong, LineWithoutEnd: it is longer than any may be.
            Disconnected: there is none.
        """
        while (end := self._octets.find(b"\n", self._start)) < 0:
            if len(self._octets) - self._start > MAX_LINE_OCTETS:
                await self._pass_over_line()
                raise LineTooLong
            await self._arrive()
        line = self._octets[self._start : end + 1]
        self._start = end + 1
        if len(line) > MAX_LINE_OCTETS:
            raise LineTooLong
        return line

    async def octets(self, most: int | None = None) -> bytes:
        """Return what the client has sent: at least one octet, at most *most*.

        Raises:
            Disconnected: nothing more comes.
        """
        if not self.is_waiting:
            await self._arrive()
        end = len(self._octets) if most is None else min(self._start + most, len(self._octets))
        octets = self._octets[self._start : end]
        self._start = end
        return octets

    def put_back(self, octets: bytes) -> None:
        """Have *octets* be the next that are looked at."""
        self._octets = octets + self._octets[self._start :]
        self._start = 0

    def say(self, reply: Reply) -> None:
        """Gather *reply* for `flush`."""
        octets = reply.octets()
        self._gathered.append(octets)
        self._gathered_octets += len(octets)

    @property
    def has_gathered_much(self) -> bool:
        """Whether replies should not be gathered any longer."""
        return self._gathered_octets > _MOST_GATHERED

    async def flush(self) -> None:
        """Send the replies that were gathered.

        Raises:
            Disconnected: the client does not take them.
        """
        self._send_gathered()
        if not self._may_write.is_set():
            try:
                async with asyncio.timeout(_WRITE_SECONDS):
                    await self._may_write.wait()
            except TimeoutError:
                self._transport.abort()
                raise Disconnected from None
        if self._is_lost:
            raise Disconnected

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Send the replies that were gathered, and go on by TLS.

        Raises:
            Disconnected: the client does not speak it, or has said something in the open.
        """
        await self.flush()
        if self.is_waiting:
            raise Disconnected
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except OSError:  # also of TLS, and when it takes too long
            raise Disconnected from None
        if transport is None:
            raise Disconnected
        self._use(transport)
        self.is_tls = True

    async def pass_over_rest(self) -> None:
        """Send what was gathered, and take what the client was about to send, for a while.

        A connection that is closed with octets unread is reset, and the client may never see the
        last answer.
        """
        self._send_gathered()
        if self.is_tls or self._is_lost:
            return
        self._transport.write_eof()
        with contextlib.suppress(TimeoutError, Disconnected):
            async with asyncio.timeout(_LINGER_SECONDS):
                while True:
                    self._start = len(self._octets)
                    await self._arrive()

    def close(self) -> None:
        """Send what was gathered, and end the connection."""
        if self._is_lost:
            return
        self._send_gathered()
        self._transport.close()
        loop = asyncio.get_running_loop()
        self._abort = loop.call_later(_CLOSE_SECONDS, self._transport.abort)

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(_MOST_WAITING)

    def _send_gathered(self) -> None:
        if self._gathered and not self._is_lost:
            self._transport.write(b"".join(self._gathered))
        self._gathered.clear()
        self._gathered_octets = 0

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _arrive(self) -> None:
        """Wait until more has come."""
        if self._has_ended:
            raise Disconnected
        if not self._transport.is_reading():
            self._transport.resume_reading()
        self._arrival = asyncio.get_running_loop().create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None
        if self._has_ended and not self.is_waiting:
            raise Disconnected

    async def _pass_over_line(self) -> None:
        passed_over = 0
        while not self.has_line:
            passed_over += len(self._octets) - self._start
            if passed_over > _MOST_PASSED_OVER:
                raise LineWithoutEnd
            self._start = len(self._octets)
            await self._arrive()
        self._start = self._octets.find(b"\n", self._start) + 1
