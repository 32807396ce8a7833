"""How many connections of mail clients there may be, and how slow; what was refused."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Final, Protocol

# Of one process; 64 KiB each at most, and 25 kB as a rule.
DEFAULT_MAX_CONNECTIONS: Final = 10_000

# A quarter, so that one network leaves room for others. Image proxies open hundreds.
DEFAULT_MAX_OF_NETWORK: Final = 2_500

# nginx waits 60 s for a request's head, Apache 20 to 40. Whoever takes longer for the few
# hundred octets of a fetch asks again.
_HEAD_SECONDS: Final = 20.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What mail clients may take of a process."""

    in_all: int = DEFAULT_MAX_CONNECTIONS
    for_each_network: int = DEFAULT_MAX_OF_NETWORK
    """An IPv4 address, or an IPv6 /64."""
    head_seconds: float = _HEAD_SECONDS
    """How long a request's head may take, and a new connection until it comes."""


class Refusal(enum.Enum):
    """Why a connection was refused, or cut off."""

    IN_ALL = "all_places_taken"
    NETWORK = "places_of_its_network_taken"
    IDLE = "gave_way_to_another"
    SLOW = "request_too_slow"
    OCTETS = "request_too_large"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCounts:
    """How many connections there are, and what was refused since the start."""

    open: int
    refused: Mapping[Refusal, int]


class Bounded(Protocol):
    """A connection that has one of the places."""

    network: str | None
    """What it is counted under; None for a proxy of the operator's."""
    octets: int
    """What has arrived after the last request that was taken."""
    since: float
    """When the last request was taken, or the first octet after it came."""

    def is_late(self) -> bool:
        """Say whether a request, or the connection, was begun too long ago, and nothing came."""

    def force_close(self) -> None:
        """Cut it off."""
