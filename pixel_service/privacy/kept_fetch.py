"""The door for what a fetch says of itself; `kept_message` has that for its message.

The endpoint knows everything about a fetch; whatever is written or sent must know no more
than the privacy level allows.

Evidence is judged before anything is discarded, and is kept at every level, less
what `coarsen` takes from it.
"""

import functools
import ipaddress
from typing import Final, NamedTuple

from pixel_service.evidence import (
    Agent,
    Confidence,
    Evidence,
    clean_user_agent,
    known_families,
    parse_address,
)
from pixel_service.privacy.levels import PrivacyLevel

# Proxies fetch again and again. Reading and writing an address takes as long as
# judging a fetch does.
_MAX_CACHED_ADDRESSES: Final = 4_096

# Of all agents and confidences.
_MAX_CACHED_COUNTS: Final = 64

# An IPv4 /24 holds up to 254 hosts; an IPv6 /48 is what one site is usually
# given (RFC 6177), so that the part of one household is gone.
_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 48

# RFC 3056 section 2: 2002::/16 is followed by the 32 bits of an IPv4 address.  A
# /48 would keep all of them; this keeps what an IPv4 /24 keeps.
_6TO4: Final = ipaddress.IPv6Network("2002::/16")
_6TO4_PREFIX: Final = 16 + _IPV4_PREFIX


# Here, because Python 3.11 takes long to find a member of an enumeration.
_FULL: Final = PrivacyLevel.FULL


class KeptFetch(NamedTuple):
    """What the privacy level allows to keep of a fetch.  Made by `keep_fetch`."""

    ip_address: str
    """RFC 5952 text; a network's first address at MASKED; else empty."""

    user_agent: str
    """At most 512 characters; the agent's family at MASKED; else empty."""

    evidence: Evidence


def keep_fetch(
    level: PrivacyLevel, *, ip_address: str | None, user_agent: str | None, evidence: Evidence
) -> KeptFetch:
    """Return what may be kept of a fetch: at OFF, only that it was one."""
    if level is _FULL:
        return KeptFetch(normal_address(ip_address), clean_user_agent(user_agent), evidence)
    coarse = coarsen(evidence, level)
    return KeptFetch(_kept_address(ip_address, level), _kept_agent(coarse, level), coarse)


@functools.lru_cache(maxsize=_MAX_CACHED_COUNTS)
def keep_counted_fetch(agent: Agent, confidence: Confidence) -> KeptFetch:
    """Return what may be kept of a fetch that is only counted, at whatever level."""
    evidence = Evidence(
        agent=agent,
        confidence=confidence,
        signals=(),
        since_acceptance=None,
        ruleset_version="",
        client=None,
        network=None,
    )
    return KeptFetch("", "", evidence)


@functools.lru_cache(maxsize=_MAX_CACHED_ADDRESSES)
def mask_address(address: str | None) -> str:
    """Return the first address of *address*'s network: /24 of IPv4, /48 of IPv6.

    An IPv4 address inside an IPv6 one (RFC 4291 section 2.5.5.2, RFC 3056) is
    cut as IPv4 is.  Masking twice equals masking once.  Empty for what is no
    address.
    """
    network = network_of(address)
    return "" if network is None else str(network.network_address)


def network_of(address: str | None) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network that `mask_address` leaves of *address*; None for what is no address."""
    parsed = parse_address(address)
    return None if parsed is None else ipaddress.ip_network((parsed, _prefix_of(parsed)), False)  # noqa: FBT003 - positional alone


@functools.lru_cache(maxsize=_MAX_CACHED_ADDRESSES)
def normal_address(address: str | None) -> str:
    """Return *address* in the text form of RFC 5952, without a zone.

    An IPv4-mapped IPv6 address becomes the IPv4 address.  Empty for what is no
    address.
    """
    parsed = parse_address(address)
    return "" if parsed is None else str(parsed)


def _kept_address(address: str | None, level: PrivacyLevel) -> str:
    return mask_address(address) if level is PrivacyLevel.MASKED else ""


def _kept_agent(evidence: Evidence, level: PrivacyLevel) -> str:
    if level is not PrivacyLevel.MASKED or evidence.client is None:
        return ""
    return evidence.client.name


def coarsen(evidence: Evidence, level: PrivacyLevel) -> Evidence:
    """Take from *evidence* what would give away what *level* discards; twice is as once.

    Parts of a client's name can be copied from the user agent, and a device's
    can be a rare model: below FULL only families from a closed list remain.  For
    ANONYMOUS nothing remains by which a fetch could be tied to a message or a
    small network.
    """
    if level is _FULL:
        return evidence
    client = known_families(evidence.client)
    if level < PrivacyLevel.ANONYMOUS:
        return evidence._replace(client=client)
    network = evidence.network
    if network is not None:
        network = network._replace(operator="", autonomous_system_number=0)
        network = network if network.country else None
    if client is not None:
        client = client._replace(device="")
        client = client if any(client) else None
    return evidence._replace(client=client, network=network, since_acceptance=None)


def _prefix_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    if isinstance(address, ipaddress.IPv4Address):
        return _IPV4_PREFIX
    return _6TO4_PREFIX if address in _6TO4 else _IPV6_PREFIX
