"""Where clients connect, how many of them, and how they are left at the end."""

import asyncio
import collections
import contextlib
import datetime as dt
import socket
from collections.abc import AsyncIterator
from typing import Final

import prometheus_client
import structlog

from mail_bridge.front import answers
from mail_bridge.front.budget import Budget
from mail_bridge.front.metrics import FrontMetrics
from mail_bridge.front.served import Served
from mail_bridge.front.session import Session
from mail_bridge.front.settings import FrontSettings
from mail_bridge.front.wire import Wire
from mail_bridge.transaction import Delivery, NextHop
from service_runtime.certificates import Certificate
from service_runtime.listen import address_of, ignore_new_connections, listening_sockets

# Connections that the system keeps until they are accepted.
_BACKLOG: Final = 1024

# After the grace: sessions say good-bye.
_FAREWELL_SECONDS: Final = 2.0


logger = structlog.get_logger()


@contextlib.asynccontextmanager
async def front_server(
    settings: FrontSettings,
    *,
    delivery: Delivery,
    next_hop: NextHop,
    registry: prometheus_client.CollectorRegistry,
    certificate: Certificate | None = None,
    grace: dt.timedelta,
) -> AsyncIterator[str]:
    """Serve clients during the block; yields the address.

    At its end nobody new is let in, idle sessions are told to come again, and those in the
    middle of a message have *grace* to end.

    Args:
        settings: what the operator said.
        delivery: takes the messages.
        next_hop: where they go, for what only it knows.
        registry: where connections and messages are counted.
        certificate: for STARTTLS; None: TLS is not spoken.
        grace: see above.

    Raises:
        ListenError: the address is taken, none of ours, or no address.
    """
    served = Served(
        settings=settings,
        delivery=delivery,
        next_hop=next_hop,
        metrics=FrontMetrics(registry),
        budget=Budget(settings.limits.max_held_octets),
        certificate=certificate,
    )
    sessions = _Sessions(served)
    sockets = listening_sockets(settings.listen, backlog=_BACKLOG)
    try:
        servers = [await _server(each, sessions) for each in sockets]
        try:
            yield address_of(settings.listen, sockets)
        finally:
            ignore_new_connections(sockets)
            for server in servers:
                server.close()
            await sessions.end(grace)
    finally:
        for each in sockets:
            each.close()


async def _server(listening: socket.socket, sessions: "_Sessions") -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Wire(sessions.begin), sock=listening)


class _Sessions:
    """The sessions that go on."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._limits = served.settings.limits
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._of_address = collections.Counter[str]()
        served.metrics.connections.set_function(lambda: len(self._sessions))
        served.metrics.held_octets.set_function(lambda: served.budget.taken)

    def begin(self, wire: Wire) -> None:
        """Begin a session with a client that has connected, if there is room for one more."""
        peer = wire.peer
        limit = self._limit_reached_by(peer)
        if limit is not None:
            self._served.metrics.connection_refused(limit)
            logger.warning("connection refused", limit=limit)
            wire.say(answers.TOO_MANY_CONNECTIONS)
            wire.close()
            return
        session = Session(wire, self._served)
        task = asyncio.create_task(session.run())
        self._sessions[task] = session
        self._of_address[peer] += 1
        task.add_done_callback(lambda task: self._forget(task, peer))

    async def end(self, grace: dt.timedelta) -> None:
        """Let the sessions end."""
        for session in self._sessions.values():
            session.drain()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=grace.total_seconds())
        rest = list(self._sessions)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=_FAREWELL_SECONDS)

    def _limit_reached_by(self, peer: str) -> str | None:
        if len(self._sessions) >= self._limits.max_connections:
            return "all"
        if self._of_address[peer] >= self._limits.max_connections_of_address:
            return "address"
        return None

    def _forget(self, task: asyncio.Task[None], peer: str) -> None:
        del self._sessions[task]
        self._of_address[peer] -= 1
        if not self._of_address[peer]:
            del self._of_address[peer]
