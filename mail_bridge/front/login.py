"""AUTH, passed on to the next hop: the bridge knows no users and keeps nothing of it."""

import asyncio
import re
from typing import Final

from mail_bridge.front import answers
from mail_bridge.front.farewell import Farewell
from mail_bridge.front.wire import LineTooLong, Wire
from mail_bridge.smtp import Reply
from mail_bridge.transaction import NextHop, NextHopAway, OwnConnection

# A line of base64, or `*` to give up (RFC 4954 section 4); nothing that could be another
# command to the next hop.
_LINE: Final = re.compile(rb"[A-Za-z0-9+/=*]*+\r\n")
_ARGUMENT: Final = re.compile(rb"[A-Za-z0-9_-]++(?: [A-Za-z0-9+/=]++)?+")

# Mechanisms need up to five (SCRAM two, GSSAPI three).
_MOST_LINES: Final = 16

# For each line: RFC 5321 section 4.5.3.2.7.
_LINE_SECONDS: Final = 300.0

# Each is one attempt at somebody's password.
_MOST_FAILURES: Final = 3

_SUCCEEDED: Final = 235


class Login:
    """Who a session is to the next hop."""

    def __init__(self, wire: Wire, next_hop: NextHop) -> None:
        self.connection: OwnConnection | None = None
        """What the session's mail goes through after AUTH; None: it has not succeeded."""
        self._wire = wire
        self._next_hop = next_hop
        self._failures = 0

    @property
    def is_lost(self) -> bool:
        """Whether the next hop has ended the connection: it knows the session no more."""
        return self.connection is not None and not self.connection.is_usable

    async def authenticate(self, argument: bytes) -> Reply:
        """Pass AUTH on, line by line; return the last answer.

        Raises:
            Farewell: it has failed too often.
            Disconnected, TimeoutError: the client is gone.
        """
        if _ARGUMENT.fullmatch(argument) is None:
            return answers.AUTH_SYNTAX
        try:
            connection = await self._next_hop.connect()
        except NextHopAway:
            return answers.LOGIN_AWAY
        try:
            reply = await self._exchange(connection, b"AUTH " + argument)
            if reply.is_closing:
                # That is about its connection: ours goes on, and no password was wrong.
                return answers.LOGIN_AWAY
            if reply.code == _SUCCEEDED:
                self.connection = connection
                return reply
        except NextHopAway:
            return answers.LOGIN_AWAY
        finally:
            if self.connection is None:
                await connection.close()
        self._failures += 1
        if self._failures == _MOST_FAILURES:
            self._wire.say(reply)
            raise Farewell(answers.TOO_MANY_LOGINS, "logins", interrupts=True)
        return reply

    async def close(self) -> None:
        """Forget it."""
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()

    async def _exchange(self, connection: OwnConnection, line: bytes) -> Reply:
        reply = await connection.exchange(line)
        for _ in range(_MOST_LINES):
            if not reply.is_intermediate:
                return reply
            self._wire.say(reply)
            await self._wire.flush()
            try:
                async with asyncio.timeout(_LINE_SECONDS):
                    line = await self._wire.line()
            except LineTooLong:
                return answers.LOGIN_LINE_TOO_LONG
            if _LINE.fullmatch(line) is None:
                return answers.LOGIN_LINE_WRONG
            reply = await connection.exchange(line.removesuffix(b"\r\n"))
        return answers.AUTH_SYNTAX
