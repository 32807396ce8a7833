"""One connection to the next hop, for one transaction after the other."""

import asyncio
from typing import Self

from mail_bridge.next_hop.copy import Copy
from mail_bridge.next_hop.greeting import greeted
from mail_bridge.next_hop.mail_transaction import MailTransaction
from mail_bridge.next_hop.server import NextHopServer
from mail_bridge.next_hop.wire import Wire
from mail_bridge.smtp import Extensions, Reply
from mail_bridge.transaction import NextHopAway


class Connection:
    """A connection that has been greeted."""

    def __init__(self, server: NextHopServer, wire: Wire, extensions: Extensions) -> None:
        self.extensions = extensions
        self._server = server
        self._wire = wire
        self._needs_reset = False

    @classmethod
    async def open(cls, server: NextHopServer) -> Self:
        """Return a new one.

        Raises:
            NextHopAway: there is none.
        """
        wire, extensions = await greeted(server)
        return cls(server, wire, extensions)

    @property
    def is_usable(self) -> bool:
        """Whether another transaction may go over it."""
        return self._wire.is_usable

    async def exchange(self, line: bytes) -> Reply:
        """Send *line* without its end; return the answer.

        Raises:
            NextHopAway: there is none.
        """
        self._wire.ask(line + b"\r\n", replies=1)
        return await self._wire.reply(self._server.timeout_seconds)

    async def send(self, copy: Copy, *, deadline: float | None = None) -> MailTransaction:
        """Return what has become of *copy*; over a connection that failed nothing more goes.

        Args:
            copy: what is sent.
            deadline: until when, by the event loop's clock.
        """
        transaction = MailTransaction(
            copy,
            wire=self._wire,
            extensions=self.extensions,
            server=self._server,
            deadline=deadline or asyncio.get_running_loop().time() + self._server.copy_seconds,
        )
        try:
            await transaction.run(reset=self._needs_reset)
        except BaseException as error:
            self._wire.abort("is given up")
            if not isinstance(error, NextHopAway):
                raise
            transaction.failure = error
        self._needs_reset = not transaction.is_complete
        return transaction

    async def close(self) -> None:
        """End it."""
        self.quit()

    def quit(self) -> None:
        """Say goodbye, and do not wait for an answer."""
        if self.is_usable:
            self._wire.ask(b"QUIT\r\n", replies=1)
        self._wire.close()
