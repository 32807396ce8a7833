"""What operators' tools ask a process over HTTP: is it alive, is it ready, its metrics.

`GET /healthz` answers 200 as long as the process runs its event loop.  `GET /readyz`
answers 200 or 503 with one line for each condition; that no background task is down is
one of every process.  `GET /metrics` is the
Prometheus text format.  It belongs on an address of its own, which the public does
not reach.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import prometheus_client
import structlog
from aiohttp import web

from service_runtime.background import tasks_down
from service_runtime.certificates import Certificate
from service_runtime.drain import Drain
from service_runtime.listen import address_of, listening_sockets
from service_runtime.listener import CutOff, Listener

# Longer than the time between two questions of Prometheus, a minute as a rule.
DEFAULT_IDLE: Final = dt.timedelta(seconds=75)

# Agreeing on keys takes a few milliseconds, and a few times the way to the other side of an
# ocean.
_HANDSHAKE_SECONDS: Final = 20.0

# Connections at once, and those from one address: tools are few. No address has them all.
_MAX_CONNECTIONS: Final = 200
_MAX_OF_ADDRESS: Final = 50

# Connections that the system holds until they are accepted.
_BACKLOG: Final = 128

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that must hold for a process to be ready, or that it says of itself."""

    name: str
    holds: bool
    detail: str = ""
    """What an operator should know, in words without personal data."""
    is_required: bool = True
    """Whether a process without it is not ready."""


def not_draining(drain: Drain) -> Condition:
    """Return that a process is not about to end."""
    return Condition(name="not draining", holds=not drain.is_draining)


@contextlib.asynccontextmanager
async def admin_server(
    *,
    listen: str,
    conditions: Callable[[], Sequence[Condition]],
    registry: prometheus_client.CollectorRegistry,
    certificate: Certificate | None = None,
    reuse_port: bool = False,
    idle: dt.timedelta = DEFAULT_IDLE,
) -> AsyncIterator[str]:
    """Answer operators' tools at *listen* inside the block; yields the address.

    Connections on which nothing has been asked for *idle* are closed, however many octets
    of a request have come.

    By TLS if there is a *certificate*, and then by nothing else.  Where clients must show
    one, too, each connection has one answer: whoever is no longer believed gets no other.

    Raises:
        ListenError: the address is taken, not ours, or no address.
    """

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readiness(_: web.Request) -> web.Response:
        found = [*conditions(), _background_condition()]
        text = "".join(
            f"{each.name}: {'yes' if each.holds else 'no'} {each.detail}".rstrip() + "\n"
            for each in found
        )
        is_ready = all(each.holds for each in found if each.is_required)
        return web.Response(text=text, status=200 if is_ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=prometheus_client.generate_latest(registry),
            headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
        )

    async def close_after(_: web.Request, response: web.StreamResponse) -> None:
        response.force_close()

    application = web.Application()
    if certificate is not None and certificate.asks_clients:
        application.on_response_prepare.append(close_after)
    application.router.add_get("/healthz", health)
    application.router.add_get("/readyz", readiness)
    application.router.add_get("/metrics", metrics)
    async with _listening(
        application, listen, certificate, reuse_port=reuse_port, idle=idle
    ) as address:
        logger.info("serving operators' tools", address=address, tls=certificate is not None)
        yield address


def _background_condition() -> Condition:
    down = tasks_down()
    return Condition(
        name="background tasks run",
        holds=not down,
        detail=f"(down: {', '.join(down)}; the log says why)" if down else "",
    )


@contextlib.asynccontextmanager
async def _listening(
    application: web.Application,
    listen: str,
    certificate: Certificate | None,
    *,
    reuse_port: bool,
    idle: dt.timedelta,
) -> AsyncIterator[str]:
    sockets = listening_sockets(listen, backlog=_BACKLOG, reuse_port=reuse_port)
    # No access log: whoever asks does so every few seconds, for ever.
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=idle.total_seconds(),
        auto_decompress=False,
    )
    await runner.setup()
    context = None if certificate is None else certificate.http_context()
    seconds = min(_HANDSHAKE_SECONDS, idle.total_seconds())
    port = _Port(runner, sockets, context=context, handshake_seconds=seconds)
    try:
        yield address_of(listen, sockets)
    finally:
        await port.close()
        await runner.cleanup()


class _Port:
    """Lets so many tools in, and not all from one address."""

    def __init__(
        self,
        runner: web.AppRunner,
        sockets: Sequence[socket.socket],
        *,
        context: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self._runner = runner
        self._listener = Listener(
            sockets, self._admit, context=context, handshake_seconds=handshake_seconds
        )

    def _admit(self, address: str | None, _: CutOff) -> asyncio.Protocol | None:
        server = self._runner.server
        if server is None:
            return None
        taken = [*self._listener.begun, *(_peer_of(each) for each in server.connections)]
        if len(taken) >= _MAX_CONNECTIONS or taken.count(address) >= _MAX_OF_ADDRESS:
            logger.warning("operators' tool refused: too many connections", open=len(taken))
            return None
        return server()

    async def close(self) -> None:
        self._listener.close()
        await self._listener.end()


def _peer_of(connection: web.RequestHandler) -> str | None:
    peer = None if connection.transport is None else connection.transport.get_extra_info("peername")
    return str(peer[0]) if peer else None
