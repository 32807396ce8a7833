"""How a connection to the next hop begins: greeted, by TLS if that is wished, and introduced."""

import asyncio
import contextlib
import ssl
from typing import Final

from mail_bridge.next_hop.protocol import NextHopProtocol
from mail_bridge.next_hop.server import NextHopServer
from mail_bridge.next_hop.tls import NextHopTls, ca_problem, client_context
from mail_bridge.next_hop.wire import Silent, Wire
from mail_bridge.smtp import Extensions, Reply
from mail_bridge.transaction import NextHopAway

_STARTTLS: Final = b"STARTTLS"

# Servers that make clients wait for their greeting do so for some seconds (Postfix,
# postscreen_greet_wait: 6), and busy ones until a process is free.  RFC 5321 section 4.5.3.2.1
# has clients wait for 5 minutes; here the mail is kept, and comes again.
_GREETING_SECONDS: Final = 60.0

# For everything until the first message may be sent.
_READY_SECONDS: Final = _GREETING_SECONDS + 10.0


async def greeted(server: NextHopServer) -> tuple[Wire, Extensions]:
    """Return a new connection to *server*, and what it announces there.

    Raises:
        NextHopAway: it cannot be reached, does not speak SMTP, or not by TLS.
    """
    try:
        async with asyncio.timeout(min(_READY_SECONDS, 2 * server.timeout_seconds)):
            return await _greeted_somehow(server)
    except TimeoutError:
        raise Silent("cannot be reached: no answer") from None


async def _greeted_somehow(server: NextHopServer) -> tuple[Wire, Extensions]:
    if server.tls is NextHopTls.OPPORTUNISTIC:
        with contextlib.suppress(_TlsFailed):
            return await _greeted(server, server.tls)
        # RFC 7435 section 3: what fails is done without.
        return await _greeted(server, NextHopTls.NONE)
    return await _greeted(server, server.tls)


class _TlsFailed(NextHopAway):
    """TLS was announced, and then could not be spoken."""


async def _greeted(server: NextHopServer, tls: NextHopTls) -> tuple[Wire, Extensions]:
    wire = await _connected(server)
    try:
        _require_positive("its greeting", await _greeting(wire, server))
        extensions = await _introduced(wire, server)
        if tls is not NextHopTls.NONE:
            extensions = await _protected(wire, server, extensions)
    except BaseException:
        wire.abort("is given up")
        raise
    return wire, extensions


async def _greeting(wire: Wire, server: NextHopServer) -> Reply:
    try:
        return await wire.reply(min(_GREETING_SECONDS, server.timeout_seconds))
    except Silent:
        # A server of HTTP waits for what it is asked.
        raise Silent("does not greet: it is no SMTP server, or has no time") from None


async def _connected(server: NextHopServer) -> Wire:
    loop = asyncio.get_running_loop()
    try:
        _, wire = await loop.create_connection(Wire, server.host, server.port)
    except OSError as error:
        raise NextHopAway(f"cannot be reached: {error.strerror or error}") from error
    return wire


async def _introduced(wire: Wire, server: NextHopServer) -> Extensions:
    verb = "LHLO" if server.protocol is NextHopProtocol.LMTP else "EHLO"
    wire.ask(f"{verb} {server.hello}\r\n".encode(), replies=1)
    reply = await wire.reply(server.timeout_seconds)
    _require_positive(verb, reply)
    return Extensions.of(reply)


async def _protected(wire: Wire, server: NextHopServer, extensions: Extensions) -> Extensions:
    """Begin TLS; return what is announced then, which may be something else."""
    if _STARTTLS not in extensions:
        if server.tls is NextHopTls.REQUIRED:
            raise NextHopAway("does not announce STARTTLS")
        return extensions
    wire.ask(_STARTTLS + b"\r\n", replies=1)
    try:
        _require_positive("STARTTLS", await wire.reply(server.timeout_seconds))
        await wire.start_tls(
            await _context(server), host=server.host, timeout_seconds=server.timeout_seconds
        )
        return await _introduced(wire, server)
    except NextHopAway as error:
        raise _TlsFailed(str(error)) from error


async def _context(server: NextHopServer) -> ssl.SSLContext:
    try:
        # For each connection, so that a renewed file is used by the next; in a thread, because
        # the system's authorities take 30 ms.
        return await asyncio.to_thread(client_context, server.tls, server.ca)
    except OSError as error:
        raise NextHopAway(f"its authorities cannot be used: {ca_problem(error)}") from error


def _require_positive(what: str, reply: Reply) -> None:
    if not reply.is_positive:
        raise NextHopAway(f"answers {what} with {reply.code}")
