"""How much and how long clients may keep the bridge busy."""

import dataclasses
from typing import Final

# Postfix opens 20 to one transport by default, and a pipelined application some dozen.
DEFAULT_MAX_CONNECTIONS: Final = 256

# All of them may be of one MTA, which is the ordinary client.
DEFAULT_MAX_CONNECTIONS_OF_ADDRESS: Final = 256

# What the injector takes (50 MiB); larger messages would pass untracked.
DEFAULT_MAX_MESSAGE_OCTETS: Final = 50 * 1024 * 1024

# RFC 5321 section 4.5.3.1.8 asks for 100 at least; one call of the injector takes 1,000.
DEFAULT_MAX_RECIPIENTS: Final = 1000

# Messages that are on the way at once: four of the largest.
DEFAULT_MAX_HELD_OCTETS: Final = 4 * DEFAULT_MAX_MESSAGE_OCTETS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What operators may set; each is at least 1."""

    max_connections: int = DEFAULT_MAX_CONNECTIONS
    max_connections_of_address: int = DEFAULT_MAX_CONNECTIONS_OF_ADDRESS
    max_message_octets: int = DEFAULT_MAX_MESSAGE_OCTETS
    max_recipients: int = DEFAULT_MAX_RECIPIENTS

    max_held_octets: int = DEFAULT_MAX_HELD_OCTETS
    """Of all messages that are being received or handed on."""
