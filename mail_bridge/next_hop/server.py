"""The server that mail goes on to: where it is, and how it is spoken with."""

import dataclasses
import ipaddress
import socket
from pathlib import Path
from typing import Final

from mail_bridge.next_hop.protocol import NextHopProtocol
from mail_bridge.next_hop.tls import NextHopTls, ca_problem, client_context
from service_runtime.tls_files import TlsError

# Where the half of Postfix is that takes mail back in its own documents (FILTER_README).
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 10026

# What Postfix opens to one destination by default (smtp_destination_concurrency_limit).
DEFAULT_CONNECTIONS: Final = 20

# RFC 5321 section 4.5.3.2 asks clients to wait for that long for MAIL and RCPT.
DEFAULT_TIMEOUT_SECONDS: Final = 300.0

# From the end of a message that came in to the answer for a recipient: less than the 10 minutes
# for which clients wait (section 4.5.3.2.6), because one that gives up sends it again.
DEFAULT_COPY_SECONDS: Final = 540.0

# Shorter than servers wait for a command: 5 minutes (section 4.5.3.2.7), busy ones 10 seconds
# (Postfix, smtpd_timeout under stress).
DEFAULT_IDLE_SECONDS: Final = 8.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NextHopServer:
    """What is known of it before it is spoken with."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    protocol: NextHopProtocol = NextHopProtocol.SMTP

    tls: NextHopTls = NextHopTls.OPPORTUNISTIC
    ca: Path | None = None
    """Who signs its certificate; None: the authorities that the system knows."""

    hello: str = dataclasses.field(default_factory=socket.gethostname)
    """By which name the bridge greets."""

    connections: int = DEFAULT_CONNECTIONS
    """How many may be open at once for messages."""

    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    """For each reply before a message has ended, and for each block of the message."""

    copy_seconds: float = DEFAULT_COPY_SECONDS
    """For one copy of a message, with the wait for a connection."""

    idle_seconds: float = DEFAULT_IDLE_SECONDS
    """For how long a connection is kept for the next message."""

    def check(self) -> None:
        """Go on if what it needs is there.

        Raises:
            TlsError: the authorities cannot be used.
        """
        try:
            client_context(self.tls, self.ca)
        except OSError as error:
            raise TlsError(f"{self.ca}: {ca_problem(error)}") from error

    @property
    def is_local(self) -> bool:
        """Whether nobody is between here and there."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def may_see_credentials(self) -> bool:
        """Whether passwords may go there: nobody else can be listening."""
        return self.is_local or self.tls is NextHopTls.REQUIRED
