"""A port of HTTP for few: operators' tools, and people who look at a page."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import ClientConnectionResetError, web
from aiohttp.http_exceptions import HttpProcessingError

from service_runtime.certificates import Certificate
from service_runtime.frames import frames_of
from service_runtime.listen import address_of, listening_sockets
from service_runtime.listener import CutOff, Listener
from service_runtime.networks import network_of

# Agreeing on keys takes a few milliseconds, and a few times the way to the other side of an
# ocean.
_HANDSHAKE_SECONDS: Final = 20.0

# Connections that the system holds until they are accepted.
_BACKLOG: Final = 128

# Of an answer to what is no request, which no application sees.
_NOTHING_RUNS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Server": "emailopens",
    "X-Content-Type-Options": "nosniff",
}

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many connections there may be at once."""

    in_all: int
    of_network: int
    """An IPv4 address, or an IPv6 /64."""
    is_proxy: Callable[[str | None], bool] = lambda _: False
    """Whether an address is a proxy's, which may have as many as there are: for many people."""


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
    runner = web.AppRunner(
        application, handle_signals=False, shutdown_timeout=grace.total_seconds()
    )
    await runner.setup()
    context = None if certificate is None else certificate.http_context()
    port = _Port(runner, sockets, limits, context=context, idle_seconds=idle.total_seconds())
    try:
        yield address_of(listen, sockets)
    finally:
        await port.close()
        await runner.cleanup()


class _Port:
    """Lets so many in, and not all from one network."""

    def __init__(
        self,
        runner: web.AppRunner,
        sockets: Sequence[socket.socket],
        limits: ConnectionLimits,
        *,
        context: ssl.SSLContext | None,
        idle_seconds: float,
    ) -> None:
        self._runner = runner
        self._limits = limits
        self._idle_seconds = idle_seconds
        handshake_seconds = min(_HANDSHAKE_SECONDS, idle_seconds)
        self._listener = Listener(
            sockets, self._admit, context=context, handshake_seconds=handshake_seconds
        )

    def _admit(self, address: str | None, _: CutOff) -> asyncio.Protocol | None:
        server = self._runner.server
        if server is None:
            return None
        peers = [*self._listener.begun, *(_peer_of(each) for each in server.connections)]
        taken = [network_of(peer) for peer in peers]
        is_full = len(taken) >= self._limits.in_all
        has_its_share = taken.count(network_of(address)) >= self._limits.of_network
        if is_full or (has_its_share and not self._limits.is_proxy(address)):
            logger.warning("connection refused: too many connections", open=len(taken))
            return None
        # No access log: tools ask every few seconds, for ever, and what people ask for is
        # theirs.
        return _Connection(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # it takes it, and writes none
            keepalive_timeout=self._idle_seconds,
            auto_decompress=False,
        )

    async def close(self) -> None:
        self._listener.close()
        await self._listener.end()


class _Connection(web.RequestHandler):
    """aiohttp's, but for what is said and logged when something goes wrong."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's; it may hold what was sent
    ) -> web.StreamResponse:
        """Return an answer that repeats nothing, and that runs nothing."""
        answer = super().handle_error(request, status, exc, HTTPStatus(status).phrase)
        answer.headers.update(_NOTHING_RUNS)
        return answer

    def log_exception(self, *_: object, **options: Any) -> None:  # noqa: ANN401 - aiohttp's
        """Log where it went wrong, without the text of the error, which may hold what was asked."""
        error = options.get("exc_info")
        # What a client breaks is no fault: anybody could fill the log with it.
        if isinstance(error, BaseException) and not isinstance(
            error,
            HttpProcessingError | web.RequestPayloadError | ClientConnectionResetError,
        ):
            logger.error("request not handled", error=type(error).__name__, frames=frames_of(error))


def _peer_of(connection: web.RequestHandler) -> str | None:
    peer = None if connection.transport is None else connection.transport.get_extra_info("peername")
    return str(peer[0]) if peer else None
