"""What each command of a client does."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from mail_bridge.front import answers
from mail_bridge.front.announcing import announced, max_message_octets_of, passed_on_for
from mail_bridge.front.envelope import OpenEnvelope
from mail_bridge.front.farewell import Farewell
from mail_bridge.front.login import Login
from mail_bridge.front.protocol import FrontProtocol
from mail_bridge.front.receiving import Receiving
from mail_bridge.front.served import Served
from mail_bridge.front.wire import Wire
from mail_bridge.smtp import CommandMalformed, Extensions, Reply, parse_command
from mail_bridge.transaction import NextHopAway

# What browsers say to ports that others had them call (Postfix: smtpd_forbidden_commands).
_HTTP: Final = frozenset({b"CONNECT", b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT"})

# Commands of SMTP that would be the next hop's to do.
_NOT_DONE: Final = frozenset({b"ETRN", b"EXPN", b"SAML", b"SEND", b"SOML", b"TURN"})

# What may come before STARTTLS where that is required (RFC 3207 section 4).
_WITHOUT_TLS: Final = frozenset({b"EHLO", b"HELO", b"LHLO", b"NOOP", b"QUIT", b"STARTTLS"})

_Handler = Callable[[bytes], Awaitable[Reply | None]]


class Commands:
    """Does what a client says, and knows what it has said so far."""

    def __init__(self, wire: Wire, served: Served) -> None:
        self._wire = wire
        self._settings = served.settings
        self._next_hop = served.next_hop
        self._certificate = served.certificate
        # Clients that must show who they are do that by TLS.
        self._requires_tls = served.settings.requires_tls or (
            served.certificate is not None and served.certificate.asks_clients
        )
        self._client = ipaddress.ip_address(wire.peer)
        self._envelope = OpenEnvelope(served.settings, served.budget)
        self._login = Login(wire, served.next_hop)
        self._receiving = Receiving(wire, served, self._envelope, self._login)
        self._extensions: Extensions | None = None
        self._handlers = self._handlers_of(served.settings.protocol)

    @property
    def is_sending(self) -> bool:
        """Whether the client has begun with a message."""
        return self._envelope.is_open

    def greeting(self) -> Reply:
        """Return what a client hears first."""
        protocol = "ESMTP" if self._is_smtp else "LMTP"
        return Reply(220, (f"{self._settings.name} {protocol} mail-bridge".encode(),))

    async def obey(self, line: bytes) -> Reply | None:
        """Do what *line* says; return the answer, or None if that has been given.

        Raises:
            Farewell: the session is over.
            Disconnected, TimeoutError: so is the client.
        """
        if not line.endswith(b"\r\n"):
            return answers.LINE_END_WRONG
        try:
            verb, argument = parse_command(line[:-2])
        except CommandMalformed:
            return answers.NOT_A_COMMAND
        handler = self._handlers.get(verb)
        if handler is None:
            if verb in _HTTP:
                raise Farewell(answers.NO_MAIL_CLIENT, "http", interrupts=True)
            return answers.NOT_DONE if verb in _NOT_DONE else answers.NOT_KNOWN
        if self._requires_tls and not self._wire.is_tls and verb not in _WITHOUT_TLS:
            return answers.TLS_FIRST
        return await handler(argument)

    def forget(self) -> None:
        """Let go of the message that the client has begun with."""
        self._receiving.reset()

    async def close(self) -> None:
        """Let go of everything that the session had."""
        self.forget()
        await self._login.close()

    @property
    def _is_smtp(self) -> bool:
        return self._settings.protocol is FrontProtocol.SMTP

    def _handlers_of(self, protocol: FrontProtocol) -> Mapping[bytes, _Handler]:
        handlers: dict[bytes, _Handler] = {
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._receiving.data,
            b"BDAT": self._receiving.bdat,
            b"RSET": self._rset,
            b"NOOP": self._noop,
            b"QUIT": self._quit,
            b"VRFY": self._vrfy,
            b"HELP": self._help,
            b"XFORWARD": self._xforward,
            b"STARTTLS": self._starttls,
        }
        if protocol is FrontProtocol.LMTP:
            return {b"LHLO": self._hello, **handlers}
        return {b"EHLO": self._hello, b"HELO": self._old_hello, b"AUTH": self._auth, **handlers}

    async def _hello(self, argument: bytes) -> Reply:
        if not argument:
            return answers.NAME_MISSING
        extensions = await self._begin()
        return announced(
            extensions,
            name=self._settings.name,
            max_message_octets=self._envelope.max_message_octets,
            has_starttls=self._certificate is not None and not self._wire.is_tls,
            passes=self._passes(),
        )

    async def _old_hello(self, argument: bytes) -> Reply:
        if not argument:
            return answers.NAME_MISSING
        await self._begin()
        return Reply(250, (self._settings.name.encode(),))

    async def _begin(self) -> Extensions:
        """Begin anew, and look at what the next hop can do."""
        self._receiving.reset()
        try:
            self._extensions = await self._next_hop.extensions()
        except NextHopAway:
            raise Farewell(answers.NO_NEXT_HOP, "next_hop") from None
        self._envelope.max_message_octets = max_message_octets_of(
            self._extensions, self._settings.limits.max_message_octets
        )
        self._receiving.has_chunking_after = b"CHUNKING" in self._extensions
        return self._extensions

    def _passes(self) -> tuple[bytes, ...]:
        return passed_on_for(
            self._client,
            self._settings,
            is_tls=self._wire.is_tls,
            has_certificate=self._certificate is not None,
        )

    def _has(self, keyword: bytes) -> bool:
        return (
            self._extensions is not None
            and keyword in self._extensions
            and keyword in self._passes()
        )

    async def _mail(self, argument: bytes) -> Reply:
        if self._login.is_lost:
            # Only the client can say again who it is.
            raise Farewell(answers.NO_NEXT_HOP, "next_hop")
        return answers.GREET_FIRST if self._extensions is None else self._envelope.mail(argument)

    async def _rcpt(self, argument: bytes) -> Reply:
        return self._envelope.rcpt(argument)

    async def _xforward(self, argument: bytes) -> Reply:
        return self._envelope.xforward(argument) if self._has(b"XFORWARD") else answers.NOT_DONE

    async def _auth(self, argument: bytes) -> Reply:
        if self._extensions is None:
            return answers.GREET_FIRST
        if self.is_sending:
            return answers.MAIL_IS_OPEN
        if self._login.connection is not None:
            return answers.LOGGED_IN
        if not self._has(b"AUTH"):
            return answers.TLS_FIRST if b"AUTH" in self._extensions else answers.NOT_DONE
        return await self._login.authenticate(argument)

    async def _starttls(self, argument: bytes) -> Reply | None:
        if argument:
            return answers.ARGUMENT_WRONG
        if self._certificate is None:
            return answers.NOT_DONE
        if self._wire.is_tls:
            return answers.TLS_IS_ON
        if self.is_sending:
            return answers.MAIL_IS_OPEN
        if self._wire.is_waiting:
            # Somebody on the way may have put it there (CVE-2011-0411).
            raise Farewell(answers.TLS_NOT_ALONE, "starttls", interrupts=True)
        self._wire.say(answers.READY_FOR_TLS)
        await self._wire.start_tls(self._certificate.http_context())
        # What was said before is forgotten (RFC 3207 section 4.2).
        self._extensions = None
        await self.close()
        return None

    async def _rset(self, argument: bytes) -> Reply:
        if argument:
            return answers.ARGUMENT_WRONG
        self._receiving.reset()
        return answers.OK

    async def _noop(self, _argument: bytes) -> Reply:
        return answers.OK

    async def _quit(self, argument: bytes) -> Reply:
        if argument:
            return answers.ARGUMENT_WRONG
        raise Farewell(answers.BYE, None)

    async def _vrfy(self, argument: bytes) -> Reply:
        return answers.NOT_VERIFIED if argument else answers.ARGUMENT_WRONG

    async def _help(self, _argument: bytes) -> Reply:
        return Reply(214, (b"2.0.0 Commands: " + b" ".join(sorted(self._handlers)),))
