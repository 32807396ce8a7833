"""Connections that have yet to agree on keys: they take places like all others.

An event loop that serves TLS by itself tells nobody of a connection before that, and bounds
neither how many there are nor whose they are.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

from pixel_service.endpoint.connections import Connections

# How long a connection that is closed waits for its client to agree; many never do.
_SHUTDOWN_SECONDS: Final = 2.0


class Handshakes:
    """Agrees on keys with clients, and hands their connections on."""

    def __init__(
        self,
        new: Callable[[], asyncio.Protocol],
        pool: Connections,
        *,
        context: ssl.SSLContext,
        seconds: float,
    ) -> None:
        """Hand connections on to what *new* returns.

        Args:
            new: returns the protocol of an encrypted connection.
            pool: has the places of all connections.
            context: what is served.
            seconds: how long a handshake may take.
        """
        self.successor = new
        self.pool = pool
        self._context = context
        self._seconds = seconds
        # Held, because an event loop holds its tasks weakly.
        self._running: set[asyncio.Task[None]] = set()

    def new(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _Handshake(self)

    def begin(self, handshake: "_Handshake", transport: asyncio.Transport) -> None:
        """Agree on keys over *transport*."""
        task = asyncio.get_running_loop().create_task(self._agree(handshake, transport))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _agree(self, handshake: "_Handshake", transport: asyncio.Transport) -> None:
        early = _Early()
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                transport,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self._seconds,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        except OSError:
            # The client is none, has left, or took too long.
            transport.abort()
            return
        finally:
            self.pool.forget(handshake)
        if encrypted is not None:
            early.hand_on(encrypted, self.successor())

    async def end(self) -> None:
        """Give up those that run."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Handshake(asyncio.Protocol):
    """One connection until then; see `Bounded`."""

    def __init__(self, handshakes: Handshakes) -> None:
        self._handshakes = handshakes
        self._transport: asyncio.Transport | None = None
        self.network: str | None = None
        self.octets = 0
        self.since = handshakes.pool.now

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is a place."""
        # uvloop's transports are not asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if not self._handshakes.pool.admit(self, str(peer[0]) if peer else None):
            self.force_close()
            return
        # What comes is for the one that agrees on keys.
        self._transport.pause_reading()
        self._handshakes.begin(self, self._transport)

    def is_late(self) -> bool:
        """Say no: handshakes have a limit of their own."""
        return False

    def force_close(self) -> None:
        """Cut it off."""
        if self._transport is not None:
            self._transport.abort()


class _Early(asyncio.Protocol):
    """Keeps what comes together with the end of a handshake: a read or two."""

    def __init__(self) -> None:
        self._octets = b""
        self._is_lost = False

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self._octets += data

    def connection_lost(self, _: Exception | None) -> None:
        """Note that there is nobody any more."""
        self._is_lost = True

    def hand_on(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """Leave the connection to *protocol*, with what has come."""
        if self._is_lost:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._octets:
            protocol.data_received(self._octets)
