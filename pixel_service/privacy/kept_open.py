"""A kept open as octets: what is written before its pixel is answered.

Everything in it has gone through a door: the message is what `keep_message` left of a
token, the rest what `keep_fetch` left of a fetch.  Integers are big-endian:

    length  meaning
    1       version
    8       time of the open, microseconds since 1970 UTC
    1       length of the message key
    1       length of the source key
    1       length of the IP address
    2       length of the user agent
    4       length of the evidence
    4       length of the message
    ...     message key, source key, IP address, user agent, evidence (JSON), message (a serialized
            `PixelToken`)
    22      ID of the open: text, so that a kept open never ends in a zero

Version 2 has 4 octets more before the message key: how many fetches of the message were
collapsed into this open.  Version 1 is still what an open is written as that has none.
"""

import functools
import itertools
import json
import struct
from typing import Any, Final, NamedTuple

from pixel_service.evidence import Agent, Client, Confidence, Evidence, Network, Signal
from pixel_service.privacy.kept_fetch import KeptFetch

_VERSION: Final = 1
_COLLAPSED_VERSION: Final = 2
_COLLAPSED: Final = struct.Struct(">I")
_MOST_COLLAPSED: Final = 2**31 - 1
_HEAD: Final = struct.Struct(">BqBBBHII")
_OPEN_ID_OCTETS: Final = 22

# Judgements repeat: there are as many as kinds of clients and networks. About 1 kB each.
_MAX_CACHED_JUDGEMENTS: Final = 4_096


class KeptOpen(NamedTuple):
    """What is kept of one open."""

    open_id: str
    open_us: int
    """When the fetch arrived, microseconds since 1970 UTC."""

    message_key: bytes
    """Tells messages apart without their IDs; empty where opens may not be linked."""

    source_key: bytes
    """Tells fetching addresses apart, for bursts; empty where opens may not be linked."""

    message: bytes
    """What `keep_message` left of the token, serialized."""

    fetch: KeptFetch

    collapsed: int = 0
    """Fetches of the message before this one that are counted here, and not kept."""


class KeptOpenInvalid(ValueError):
    """The octets are no kept open, or one of a newer version."""


def encode_open(kept: KeptOpen) -> bytes:
    """Return *kept* as octets."""
    ip_address = kept.fetch.ip_address.encode()
    user_agent = kept.fetch.user_agent.encode()
    evidence = _evidence_octets(kept.fetch.evidence)
    message = kept.message
    head = _HEAD.pack(
        _COLLAPSED_VERSION if kept.collapsed else _VERSION,
        kept.open_us,
        len(kept.message_key),
        len(kept.source_key),
        len(ip_address),
        len(user_agent),
        len(evidence),
        len(message),
    )
    if kept.collapsed:
        head += _COLLAPSED.pack(min(kept.collapsed, _MOST_COLLAPSED))
    return b"".join(
        (
            head,
            kept.message_key,
            kept.source_key,
            ip_address,
            user_agent,
            evidence,
            message,
            kept.open_id.encode(),
        )
    )


def decode_open(octets: bytes) -> KeptOpen:
    """Return the kept open that *octets* are.

    Raises:
        KeptOpenInvalid: they are none.
    """
    try:
        return _decode(octets)
    except (struct.error, ValueError, LookupError, TypeError) as error:
        # Not the cause itself, whose text may hold what is kept.
        raise KeptOpenInvalid(f"no kept open: {type(error).__name__}") from None


def _decode(octets: bytes) -> KeptOpen:
    version, open_us, *lengths = _HEAD.unpack_from(octets)
    start, collapsed = _HEAD.size, 0
    if version == _COLLAPSED_VERSION:
        (collapsed,) = _COLLAPSED.unpack_from(octets, start)
        start += _COLLAPSED.size
    elif version != _VERSION:
        raise ValueError
    key, source, address, agent, evidence, message, end = itertools.accumulate(
        lengths, initial=start
    )
    if end + _OPEN_ID_OCTETS != len(octets):
        raise ValueError
    fetch = KeptFetch(
        octets[address:agent].decode(),
        octets[agent:evidence].decode(),
        _evidence_of(octets[evidence:message]),
    )
    # By position, because one is made for every open that is recorded.
    return KeptOpen(
        octets[end:].decode("ascii"),
        open_us,
        octets[key:source],
        octets[source:address],
        octets[message:end],
        fetch,
        collapsed,
    )


@functools.lru_cache(maxsize=_MAX_CACHED_JUDGEMENTS)
def _evidence_octets(evidence: Evidence) -> bytes:
    # The time since acceptance is not there: it follows from the message and the open.
    return json.dumps(evidence._replace(since_acceptance=None), separators=(",", ":")).encode()


@functools.lru_cache(maxsize=_MAX_CACHED_JUDGEMENTS)
def _evidence_of(octets: bytes) -> Evidence:
    agent, confidence, signals, _, version, client, network = json.loads(octets)
    return Evidence(
        agent=Agent(agent),
        confidence=Confidence(confidence),
        signals=tuple(_signal(each) for each in signals),
        since_acceptance=None,
        ruleset_version=version,
        client=None if client is None else Client(*client),
        network=None if network is None else Network(*network),
    )


def _signal(values: list[Any]) -> Signal:
    name, seen, agent, confidence, source = values
    return Signal(name, seen, Agent(agent), Confidence(confidence), source)
