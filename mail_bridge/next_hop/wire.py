"""A connection's octets: commands and messages out, replies in."""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from typing import Final, cast

from mail_bridge.smtp import Piece, Reply, ReplyMalformed, ReplyReader
from mail_bridge.transaction import NextHopAway

# What is given to the system at once: a message of more is not copied as a whole, however many
# connections it is being sent over.
_BLOCK_OCTETS: Final = 256 * 1024


class Silent(NextHopAway):
    """The next hop says nothing, or takes nothing."""


class Wire(asyncio.Protocol):
    """Sends, and takes exactly as many replies as were asked for.

    A reply that nobody asked for would be taken for the answer to the next message, so the
    connection is not used any more.
    """

    def __init__(self) -> None:
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        # The greeting is said before anything is asked.
        self._due = 1
        self._lost: str | None = None
        self._transport: asyncio.Transport | None = None
        self._wait_for_reply: asyncio.Future[None] | None = None
        self._wait_for_room: asyncio.Future[None] | None = None
        self._is_full = False
        self.unasked: Reply | None = None
        """What the server said without being asked, such as 421 before it closes."""

    @property
    def is_usable(self) -> bool:
        """Whether the next command may go over it."""
        return self._lost is None and self.unasked is None and not self._due and not self._replies

    @property
    def _has_news(self) -> bool:
        return bool(self._replies) or self._lost is not None or self.unasked is not None

    # Of asyncio.Protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._take(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Take what the server says."""
        try:
            for reply in self._reader.feed(data):
                self._received(reply)
        except ReplyMalformed as error:
            self.abort(f"does not speak SMTP: {error}")
            return
        if self._has_news:
            _wake(self._wait_for_reply)

    def eof_received(self) -> None:
        """End: a server that says nothing more cannot answer."""
        self._end("closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._end("closed the connection" if exc is None else "cut the connection")

    def pause_writing(self) -> None:
        """Note that the server takes less than it is sent."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Note that it has caught up."""
        self._is_full = False
        _wake(self._wait_for_room)

    # For the connection.

    def ask(self, octets: bytes, *, replies: int) -> None:
        """Send commands that are answered by so many *replies*.

        Raises:
            NextHopAway: the connection is gone.
        """
        self._due += replies
        self._write(octets)

    async def reply(self, timeout_seconds: float) -> Reply:
        """Return the next reply.

        Raises:
            NextHopAway: it does not come.
        """
        if not self._has_news:
            self._wait_for_reply = asyncio.get_running_loop().create_future()
            await self._waited(self._wait_for_reply, timeout_seconds)
        if self._replies:
            return self._replies.popleft()
        # What is said before the connection is closed says why.
        if self.unasked is not None:
            self.abort("said what it was not asked")
            return self.unasked
        raise NextHopAway(self._lost or "does not answer")

    async def send(self, pieces: Iterable[Piece], *, replies: int, timeout_seconds: float) -> None:
        """Send *pieces*, which are answered when the last of them has come.

        Args:
            pieces: of a message.
            replies: so many answers.
            timeout_seconds: within which each block must be taken.

        Raises:
            NextHopAway: the connection is gone, or nothing is taken, or there is an answer
                already.
        """
        small: list[Piece] = []
        held = 0
        for piece in pieces:
            if held + len(piece) > _BLOCK_OCTETS:
                await self._send_block(b"".join(small), timeout_seconds)
                small, held = [], 0
            rest = memoryview(piece)
            while len(rest) > _BLOCK_OCTETS:
                await self._send_block(rest[:_BLOCK_OCTETS], timeout_seconds)
                rest = rest[_BLOCK_OCTETS:]
            small.append(rest)
            held += len(rest)
        self._due += replies
        await self._send_block(b"".join(small), timeout_seconds)

    async def _send_block(self, block: Piece, timeout_seconds: float) -> None:
        self._write(block)
        if self._is_full:
            self._wait_for_room = asyncio.get_running_loop().create_future()
            await self._waited(self._wait_for_room, timeout_seconds)
        if self.unasked is not None:
            raise NextHopAway("said what it was not asked")

    def _write(self, octets: Piece) -> None:
        if self._transport is None or self._lost is not None:
            raise NextHopAway(self._lost or "is not connected")
        self._transport.write(octets)

    async def start_tls(
        self, context: ssl.SSLContext, *, host: str, timeout_seconds: float
    ) -> None:
        """Go on by TLS.

        Raises:
            NextHopAway: it cannot be spoken with whoever is there.
        """
        if not self.is_usable or self._transport is None:
            # Said in the clear, it might have come from anybody (RFC 3207 section 6).
            self.abort("said more than that TLS may begin")
            raise NextHopAway("said more than that TLS may begin")
        self._reader = ReplyReader()
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                context,
                server_hostname=host,
                ssl_handshake_timeout=timeout_seconds,
            )
        except (OSError, asyncio.CancelledError) as error:
            self.abort("TLS failed")
            if isinstance(error, OSError):
                raise NextHopAway(f"TLS failed: {_reason_of(error)}") from error
            raise
        if transport is None:
            self.abort("TLS failed")
            raise NextHopAway("TLS failed: closed the connection")
        self._take(transport)

    def close(self) -> None:
        """End the connection, after what is still to be sent."""
        self._end("is closed")
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """End the connection at once."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def _take(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=_BLOCK_OCTETS)

    def _received(self, reply: Reply) -> None:
        if self._due:
            self._due -= 1
            self._replies.append(reply)
        elif self.unasked is None:
            self.unasked = reply
            _wake(self._wait_for_room)

    def _end(self, reason: str) -> None:
        if self._lost is None:
            self._lost = reason
        _wake(self._wait_for_reply)
        _wake(self._wait_for_room)

    async def _waited(self, wait: "asyncio.Future[None]", timeout_seconds: float) -> None:
        try:
            async with asyncio.timeout(timeout_seconds):
                await wait
        except TimeoutError:
            self.abort("does not answer")
            raise Silent("does not answer") from None


def _wake(wait: "asyncio.Future[None] | None") -> None:
    if wait is not None and not wait.done():
        wait.set_result(None)


def _reason_of(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or type(error).__name__
