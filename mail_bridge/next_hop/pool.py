"""Connections to the next hop, kept for the messages that follow."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Final

from mail_bridge.next_hop.connection import Connection
from mail_bridge.next_hop.copy import Copy
from mail_bridge.next_hop.mail_transaction import MailTransaction
from mail_bridge.next_hop.server import NextHopServer
from mail_bridge.next_hop.wire import Silent
from mail_bridge.smtp import Extensions, Reply
from mail_bridge.transaction import NextHopAway
from service_runtime.outage import Outage

# How long what the next hop announced is believed. An administrator who changes it waits for no
# longer, and sessions of that time need no answer of its own.
_RENEW_SECONDS: Final = 60.0

# Between two looks at a next hop that was away.
_LOOK_SECONDS: Final = 1.0

# Some transactions may fail while others work; it is over when none has failed for a while.
_SETTLED_SECONDS: Final = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Idle:
    connection: Connection
    end: asyncio.TimerHandle


class Pool:
    """The next hop, for all sessions: at most so many transactions with it at once."""

    def __init__(self, server: NextHopServer) -> None:
        self._server = server
        self._slots = asyncio.Semaphore(server.connections)
        self._idle: list[_Idle] = []
        self._known: Extensions | None = None
        self._known_at = 0.0
        self._asking: asyncio.Task[Extensions] | None = None
        self._outage = Outage(
            "next hop is away", "next hop is back", settled_seconds=_SETTLED_SECONDS
        )
        self._in_use = 0
        self.away: str | None = "has not greeted yet"
        """Why it cannot be reached; None: it can."""

    @property
    def max_message_octets(self) -> int | None:
        """The largest message that it takes, as far as it is known."""
        return None if self._known is None else self._known.max_message_octets

    async def extensions(self) -> Extensions:
        """Return what it announces: as it said lately, or asked now.

        Raises:
            NextHopAway: nobody knows.
        """
        now = asyncio.get_running_loop().time()
        if self._known is not None and now - self._known_at < _RENEW_SECONDS:
            return self._known
        if self._asking is None:
            # Once for all sessions that ask meanwhile; it goes on if one of them ends.
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)
        try:
            return await asyncio.shield(self._asking)
        except NextHopAway:
            if self._known is None:
                raise
            # It takes no connection more, and mail over those that it has.
            return self._known

    async def connect(self) -> Connection:
        """Return a new connection that is nobody else's.

        Raises:
            NextHopAway: there is none.
        """
        try:
            connection = await Connection.open(self._server)
        except NextHopAway as error:
            # One connection too many is no sign that others end.
            if not self._in_use and not any(each.connection.is_usable for each in self._idle):
                self._known, self.away = None, str(error)
            self._outage.failed(reason=str(error))
            raise
        self._outage.worked()
        self.away = None
        self._known = self._announced(connection.extensions)
        self._known_at = asyncio.get_running_loop().time()
        return connection

    async def send(self, copy: Copy) -> Sequence[Reply]:
        """Return the answer for each recipient of *copy*."""
        deadline = asyncio.get_running_loop().time() + self._server.copy_seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            return copy.replies()
        try:
            return await self._send(copy, deadline)
        finally:
            self._slots.release()

    async def watch(self) -> None:
        """Look again and again whether it is back, as long as it is away; for ever.

        While it is away no mail may come that would show it.
        """
        while True:
            if self.away is not None:
                with contextlib.suppress(NextHopAway):
                    await self.extensions()
            await asyncio.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        """End the connections that nobody uses."""
        if self._asking is not None:
            self._asking.cancel()
        while self._idle:
            self._take_last().quit()

    async def _send(self, copy: Copy, deadline: float) -> Sequence[Reply]:
        kept = self._kept()
        if kept is not None:
            transaction = await self._sent(kept, copy, deadline)
            # Servers close idle connections, now and then at the moment of their next use. That
            # is no reason to defer mail, unless octets of it are on their way.
            if not _is_worth_another(transaction):
                return self._ended(kept, transaction)
            kept.quit()
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self.connect()
        except (NextHopAway, TimeoutError):
            return copy.replies()
        return self._ended(connection, await self._sent(connection, copy, deadline))

    async def _sent(self, connection: Connection, copy: Copy, deadline: float) -> MailTransaction:
        self._in_use += 1
        try:
            return await connection.send(copy, deadline=deadline)
        finally:
            self._in_use -= 1

    def _ended(self, connection: Connection, transaction: MailTransaction) -> Sequence[Reply]:
        if transaction.failure is None:
            self._outage.worked()
        else:
            self._outage.failed(reason=str(transaction.failure))
        if transaction.is_mail_deferred:
            connection.quit()
        else:
            self._keep(connection)
        return transaction.replies()

    async def _ask(self) -> Extensions:
        connection = await self.connect()
        self._keep(connection)
        return self._announced(connection.extensions)

    def _asked(self, asking: "asyncio.Task[Extensions]") -> None:
        self._asking = None
        if not asking.cancelled():
            # Looked at here in case that nobody waits any more.
            asking.exception()

    def _announced(self, extensions: Extensions) -> Extensions:
        """Return what sessions may use of *extensions*."""
        if self._server.may_see_credentials or b"AUTH" not in extensions:
            return extensions
        return Extensions({k: v for k, v in extensions.keywords.items() if k != b"AUTH"})

    def _keep(self, connection: Connection) -> None:
        """Keep *connection* for the next message if it can be used."""
        if not connection.is_usable or len(self._idle) >= self._server.connections:
            connection.quit()
            return
        loop = asyncio.get_running_loop()
        end = loop.call_later(self._server.idle_seconds, self._expire, connection)
        self._idle.append(_Idle(connection, end))

    def _kept(self) -> Connection | None:
        """Return the connection that was used last and can still be used."""
        while self._idle:
            connection = self._take_last()
            if connection.is_usable:
                return connection
            connection.quit()
        return None

    def _take_last(self) -> Connection:
        idle = self._idle.pop()
        idle.end.cancel()
        return idle.connection

    def _expire(self, connection: Connection) -> None:
        self._idle = [each for each in self._idle if each.connection is not connection]
        connection.quit()


def _is_worth_another(transaction: MailTransaction) -> bool:
    """Return whether the copy may go over another connection: for certain nobody has it."""
    if transaction.is_mail_deferred:
        # Some servers take so many messages a connection (OpenSMTPD: 100), and say so by a 452.
        return True
    return (
        transaction.failure is not None
        and not transaction.has_begun_message
        and not isinstance(transaction.failure, Silent)
    )
