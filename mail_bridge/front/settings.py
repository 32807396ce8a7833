"""What operators can tell the server's side."""

import dataclasses
import ipaddress
import re
import socket
from typing import Final

from mail_bridge.front.protocol import FrontProtocol, SeveralRecipients

DEFAULT_LISTEN: Final = "127.0.0.1:10025"

# Postfix opens 20 to one destination by default, and applications some dozen.
DEFAULT_MAX_CONNECTIONS: Final = 256

# What the injector takes by default (50 MiB); larger messages pass untracked.
DEFAULT_MAX_MESSAGE_OCTETS: Final = 64 * 1024 * 1024

# RFC 5321 section 4.5.3.1.8 asks for 100 at least; one call of the injector takes 1,000.
DEFAULT_MAX_RECIPIENTS: Final = 1_000

# Four of the largest messages, or 20,000 ordinary ones, on their way at once.
DEFAULT_MAX_HELD_OCTETS: Final = 4 * DEFAULT_MAX_MESSAGE_OCTETS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv6Network("::1/128"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much clients may keep the bridge busy; each is at least 1."""

    max_connections: int = DEFAULT_MAX_CONNECTIONS
    max_connections_of_address: int = DEFAULT_MAX_CONNECTIONS
    """All of them may be of one MTA, which is the ordinary client."""
    max_message_octets: int = DEFAULT_MAX_MESSAGE_OCTETS
    max_recipients: int = DEFAULT_MAX_RECIPIENTS

    max_held_octets: int = DEFAULT_MAX_HELD_OCTETS
    """Of all messages that come in or are handed on."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrontSettings:
    """How clients are served."""

    listen: str = DEFAULT_LISTEN
    protocol: FrontProtocol = FrontProtocol.LMTP
    several_recipients: SeveralRecipients = SeveralRecipients.DEFER
    limits: Limits = dataclasses.field(default_factory=Limits)

    hostname: str = dataclasses.field(default_factory=socket.gethostname)
    """What the bridge calls itself."""

    requires_tls: bool = False
    """Whether clients must say STARTTLS before they send anything.

    They must, too, if they have to show a certificate.
    """

    xforward_clients: tuple[Network, ...] = LOOPBACK
    """Who may say by XFORWARD where mail came from."""

    @property
    def name(self) -> str:
        """The hostname as it can be said: clients read ASCII up to a blank."""
        return re.sub(r"[^!-~]", "-", self.hostname) or "localhost"
