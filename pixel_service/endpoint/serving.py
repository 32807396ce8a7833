"""Serves pixels at sockets, until it is told to end."""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Final

from pixel_service.endpoint.connections import Connections
from pixel_service.endpoint.handler import PIXEL, PixelHandler
from pixel_service.endpoint.limits import ConnectionCounts, ConnectionLimits
from pixel_service.endpoint.listening import BACKLOG
from pixel_service.endpoint.plain_connection import KEEPALIVE, PlainConnections
from service_runtime.background import kept_running
from service_runtime.listen import ignore_new_connections
from service_runtime.listener import Listener

# A token has at most 1,950 characters; the rest is for a path that a proxy in
# front may put before ours, and for queries that scanners add.
_MAX_URL_CHARACTERS: Final = 4_096

# Twice what Apache takes; proxies add fields of their own.
_MAX_FIELD_OCTETS: Final = 16_384

# How often connections that are to go are looked at.
_LEAVING_LOOK: Final = dt.timedelta(milliseconds=20)

# What a client needs to complete a connection that it has begun, from the other side of an
# ocean.
_HANDSHAKE: Final = dt.timedelta(milliseconds=300)

_DEFAULT_LIMITS: Final = ConnectionLimits()


class PixelServer:
    """Answers at sockets."""

    def __init__(self, handler: PixelHandler, *, limits: ConnectionLimits) -> None:
        self._handler = handler
        self._head_seconds = limits.head_seconds
        # The low-level server, because an application's routing costs a third of the
        # rate, and there is one route.  No access log: it would hold addresses and
        # tokens, and costs two thirds.
        self._general = Connections(
            handler.handle,
            limits=limits,
            is_proxy=handler.is_proxy,
            access_log=None,
            # A body interests nobody; one of 1 MB that unpacks to 1 GB would keep others waiting.
            auto_decompress=False,
            max_line_size=_MAX_URL_CHARACTERS,
            max_field_size=_MAX_FIELD_OCTETS,
            keepalive_timeout=KEEPALIVE.total_seconds(),
            lingering_time=1.0,
        )
        self._plain = PlainConnections(handler, handler.plain_requests(), PIXEL, self._general)
        self._servers: list[asyncio.Server] = []
        self._by_tls: Listener | None = None
        self.look_after = self._general.look_after

    @property
    def counts(self) -> ConnectionCounts:
        """How many connections there are, and how many were refused."""
        return self._general.counts

    @property
    def octets(self) -> int:
        """What has arrived, and no request has been made of yet."""
        return self._general.octets

    async def start(
        self, sockets: Sequence[socket.socket], *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Answer at *sockets* from now on, by TLS if there is a context for it."""
        if tls is not None:
            # Who takes as long as a head may is cut off, and counted, like all others; only
            # what goes wrong there is left to this.
            self._by_tls = Listener(
                sockets, self._plain.admit, context=tls, handshake_seconds=2 * self._head_seconds
            )
            return
        loop = asyncio.get_running_loop()
        for each in sockets:
            self._servers.append(
                await loop.create_server(self._plain.new, sock=each, backlog=BACKLOG)
            )

    async def end(self, *, grace: dt.timedelta) -> None:
        """Take no new request; running ones have *grace* to end."""
        self._stop_accepting()
        if self._by_tls is not None:
            await self._by_tls.end()
        # What has come in by now is taken before idle connections are closed.
        await asyncio.sleep(0)
        self._handler.is_leaving = True
        self._plain.close_idle()
        self._general.pre_shutdown()
        await asyncio.gather(
            self._plain.end(grace=grace), self._general.shutdown(grace.total_seconds())
        )

    def _stop_accepting(self) -> None:
        for each in self._servers:
            each.close()
        if self._by_tls is not None:
            self._by_tls.close()

    async def let_go(self, *, grace: dt.timedelta) -> None:
        """Leave new connections to a successor at the same sockets, and wait for those there are.

        Until every connection has been told to go, and has gone; at most *grace*.  A client
        whose connection is closed after an answer that said so loses nothing.
        """
        self._stop_accepting()
        await self._until_gone(grace=grace)

    async def hand_over(self, sockets: Sequence[socket.socket], *, grace: dt.timedelta) -> None:
        """The same for a successor with sockets of its own: those that wait in ours are taken."""
        ignore_new_connections(sockets)
        await asyncio.sleep(min(_HANDSHAKE, grace).total_seconds())
        await self._until_gone(grace=grace)

    async def _until_gone(self, *, grace: dt.timedelta) -> None:
        self._handler.is_leaving = True
        for _ in range(grace // _LEAVING_LOOK):
            begun = [] if self._by_tls is None else self._by_tls.begun
            if not (self._plain.open or self._general.connections or begun):
                return
            await asyncio.sleep(_LEAVING_LOOK.total_seconds())


@contextlib.asynccontextmanager
async def pixel_server(
    *,
    sockets: Sequence[socket.socket],
    handler: PixelHandler,
    grace: dt.timedelta,
    limits: ConnectionLimits = _DEFAULT_LIMITS,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[PixelServer]:
    """Serve pixels at *sockets* inside the block, by TLS if there is a context for it.

    At the end no new request is taken, and running ones have *grace* to end.
    """
    server = PixelServer(handler, limits=limits)
    await server.start(sockets, tls=tls)
    try:
        async with kept_running("connections", server.look_after):
            yield server
    finally:
        await server.end(grace=grace)
