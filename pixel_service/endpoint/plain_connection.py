"""Connections of mail clients.

A plain request is taken and answered here, without the objects that a general HTTP server
makes for each.  At the first octets that are anything else the connection is passed on to
that server, for good.
"""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Final, Protocol, cast

from pixel_service.endpoint.connections import Connections
from pixel_service.endpoint.plain_request import PlainFields, PlainRequests
from pixel_service.endpoint.prepared_response import PreparedResponse, deliver
from service_runtime.listener import CutOff

# Proxies in front keep their connections between bursts; nginx does so for 60 s,
# and whoever closes first should be the proxy.
KEEPALIVE: Final = dt.timedelta(seconds=75)

# A request's time is known to a second.
_SHORTEST_LOOK_SECONDS: Final = 1.0

# How often it is looked whether all connections have gone.
_LOOK: Final = dt.timedelta(milliseconds=20)


class Answering(Protocol):
    """What connections need to know."""

    @property
    def is_leaving(self) -> bool:
        """Whether connections are to be closed after their next answer."""

    def take_plain(
        self, token: str, fields: PlainFields, peer: str | None, done: Callable[[], None]
    ) -> None:
        """Take a fetch; call *done*, once, when it may be answered.  Never raises."""


class PlainConnections:
    """The connections that have sent nothing but plain requests."""

    def __init__(
        self,
        handler: Answering,
        requests: PlainRequests,
        response: PreparedResponse,
        pool: Connections,
    ) -> None:
        """Have *handler* take what *requests* recognises, and answer with *response*.

        *pool* has the places of all connections, and is the HTTP server that one is passed
        on to.
        """
        self.handler = handler
        self.requests = requests
        self.response = response
        self.pool = pool
        self.open: set[PlainConnection] = set()
        self.is_ending = False
        """Whether a connection that waits for no answer is closed."""

    def new(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return PlainConnection(self)

    def admit(self, address: str | None, cut_off: CutOff) -> asyncio.Protocol | None:
        """Return the protocol of a connection that has yet to agree on keys, if it has a place."""
        connection = PlainConnection(self)
        return connection if connection.begin(address, cut_off) else None

    def close_idle(self) -> None:
        """Close those that wait for no answer, and those that come from now on."""
        self.is_ending = True
        for each in list(self.open):
            each.close_if_idle()

    async def end(self, *, grace: dt.timedelta) -> None:
        """Wait until all have gone, *grace* at most; then cut them off."""
        for _ in range(grace // _LOOK):
            if not self.open:
                return
            await asyncio.sleep(_LOOK.total_seconds())
        for each in list(self.open):
            each.force_close()


class PlainConnection(asyncio.Protocol):
    """One connection; see `Bounded`."""

    __slots__ = (
        "_ahead",
        "_connections",
        "_cut_off",
        "_has_asked",
        "_is_half_closed",
        "_loop",
        "_peer",
        "_timer",
        "_transport",
        "_waits",
        "network",
        "octets",
        "since",
    )

    def __init__(self, connections: PlainConnections) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._peer: str | None = None
        # Until keys are agreed on there is no transport.
        self._cut_off: CutOff | None = None
        self._waits = self._has_asked = self._is_half_closed = False
        # What came before the answer to what was asked.
        self._ahead = b""
        self.network: str | None = None
        self.octets = 0
        self.since = connections.pool.now

    def begin(self, address: str | None, cut_off: CutOff) -> bool:
        """Say whether there is a place, from before the handshake on; its time is the head's."""
        self._peer = address
        self._cut_off = cut_off
        return self._connections.pool.admit(self, address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is a place."""
        # uvloop's transports are not asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        if self._cut_off is None:
            peer = transport.get_extra_info("peername")
            self._peer = str(peer[0]) if peer else None
            if not self._connections.pool.admit(self, self._peer):
                self.force_close()
                return
        self._cut_off = None
        self._connections.open.add(self)
        self._set_timer(KEEPALIVE.total_seconds())
        if self._connections.is_ending:  # accepted just before the end
            self.close_if_idle()

    def connection_lost(self, _: Exception | None) -> None:
        """End."""
        self._transport = None
        self._leave()

    def data_received(self, data: bytes) -> None:
        """Take a request, or pass the connection on."""
        if self._waits:
            self._wait_with(data)
            return
        found = self._connections.requests.read(data)
        if found is None:
            self._pass_on(data)
            return
        self._waits = self._has_asked = True
        self.since = self._connections.pool.now
        token, fields = found
        self._connections.handler.take_plain(token, fields, self._peer, self._answer)

    def eof_received(self) -> bool:
        """Answer what was asked, though the client sends no more (RFC 9112 section 9.6)."""
        if self._transport is None or self._transport.get_extra_info("sslcontext") is not None:
            return False  # TLS ends both ways at once
        self._is_half_closed = True
        return self._waits

    def _wait_with(self, data: bytes) -> None:
        """Keep what a client asks before it was answered, and read no more of it."""
        if not self._connections.pool.takes(self, len(data)):
            self.force_close()
        elif self._transport is not None:
            self._ahead += data
            self._transport.pause_reading()

    def _answer(self) -> None:
        self._waits = False
        transport = self._transport
        if transport is None:  # the client left while its open was recorded
            return
        is_last = self._connections.handler.is_leaving
        deliver(transport, self._connections.response.octets(stays=not is_last))
        if is_last:
            transport.close()
        elif self._ahead:
            data, self._ahead = self._ahead, b""
            self._connections.pool.octets -= self.octets
            self.octets = 0
            transport.resume_reading()
            self.data_received(data)
        elif self._is_half_closed:
            transport.close()

    def _pass_on(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        self._leave()
        successor = self._connections.pool()
        transport.set_protocol(successor)
        successor.connection_made(transport)
        successor.data_received(data)
        if self._is_half_closed:
            successor.eof_received()

    def _leave(self) -> None:
        self._connections.pool.forget(self)
        self._connections.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Close a connection that has been silent for long."""
        left = self.since + KEEPALIVE.total_seconds() - self._loop.time()
        if self._waits or left > 0:
            self._set_timer(max(left, _SHORTEST_LOOK_SECONDS))
        else:
            self.close_if_idle()

    def is_late(self) -> bool:
        """Say so of a connection that has asked nothing; what is not whole is passed on at once."""
        return not self._has_asked and self.since <= self._connections.pool.deadline

    def close_if_idle(self) -> None:
        """Close it, unless it waits for an answer."""
        if not self._waits and self._transport is not None:
            self._transport.close()

    def force_close(self) -> None:
        """Cut it off."""
        if self._transport is not None:
            self._transport.abort()
        elif self._cut_off is not None:
            self._cut_off()
