"""A port of HTTP for few: operators' tools, and people who look at a page."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Final

import structlog
from aiohttp import web

from service_runtime.certificates import Certificate
from service_runtime.listen import address_of, listening_sockets
from service_runtime.listener import CutOff, Listener

# Agreeing on keys takes a few milliseconds, and a few times the way to the other side of an
# ocean.
_HANDSHAKE_SECONDS: Final = 20.0

# Connections that the system holds until they are accepted.
_BACKLOG: Final = 128

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many connections there may be at once."""

    in_all: int
    of_address: int


@contextlib.asynccontextmanager
async def serving_http(
    application: web.Application,
    listen: str,
    certificate: Certificate | None,
    *,
    limits: ConnectionLimits,
    reuse_port: bool,
    idle: dt.timedelta,
    grace: dt.timedelta = dt.timedelta(seconds=60),
) -> AsyncIterator[str]:
    """Serve *application* at *listen* inside the block; yields the address.

    By TLS if there is a *certificate*, and then by nothing else.  Connections on which
    nothing has been asked for *idle* are closed.  When the block ends, responses that are
    under way have *grace*.

    Raises:
        ListenError: the address is taken, not ours, or no address.
    """
    sockets = listening_sockets(listen, backlog=_BACKLOG, reuse_port=reuse_port)
    # No access log: tools ask every few seconds, for ever, and what people ask for is theirs.
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=idle.total_seconds(),
        auto_decompress=False,
        shutdown_timeout=grace.total_seconds(),
    )
    await runner.setup()
    context = None if certificate is None else certificate.http_context()
    seconds = min(_HANDSHAKE_SECONDS, idle.total_seconds())
    port = _Port(runner, sockets, limits, context=context, handshake_seconds=seconds)
    try:
        yield address_of(listen, sockets)
    finally:
        await port.close()
        await runner.cleanup()


class _Port:
    """Lets so many in, and not all from one address."""

    def __init__(
        self,
        runner: web.AppRunner,
        sockets: Sequence[socket.socket],
        limits: ConnectionLimits,
        *,
        context: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self._runner = runner
        self._limits = limits
        self._listener = Listener(
            sockets, self._admit, context=context, handshake_seconds=handshake_seconds
        )

    def _admit(self, address: str | None, _: CutOff) -> asyncio.Protocol | None:
        server = self._runner.server
        if server is None:
            return None
        taken = [*self._listener.begun, *(_peer_of(each) for each in server.connections)]
        if len(taken) >= self._limits.in_all or taken.count(address) >= self._limits.of_address:
            logger.warning("connection refused: too many connections", open=len(taken))
            return None
        return server()

    async def close(self) -> None:
        self._listener.close()
        await self._listener.end()


def _peer_of(connection: web.RequestHandler) -> str | None:
    peer = None if connection.transport is None else connection.transport.get_extra_info("peername")
    return str(peer[0]) if peer else None
