"""Senders that a configuration is bound to: mail addresses and domains."""

import re
from typing import Final

MAX_DOMAIN_CHARACTERS: Final = 253

# RFC 5321 section 4.5.3.1: 64 octets of local part, 255 of domain.
_LOCAL_PART: Final = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}")
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)[^\W_](?:[\w-]{0,61}\w)?(?:\.[^\W_](?:[\w-]{0,61}\w)?)*"
)


def is_sender(sender: str) -> bool:
    """Say whether *sender* is a mail address or a domain."""
    local_part, at, domain = sender.rpartition("@")
    return _DOMAIN.fullmatch(domain) is not None and (
        not at or _LOCAL_PART.fullmatch(local_part) is not None
    )


def sender_key(sender: str) -> str:
    """Return what equal senders share: no case, and the ASCII form of the domain.

    The local part ignores case here, unlike where recipients are counted: no mail
    system of today has two senders that differ in case alone, and a configuration
    that misses `News@` for `news@` helps nobody.
    """
    local_part, at, domain = sender.rpartition("@")
    return f"{local_part.casefold()}{at}{_ascii_domain(domain)}"


def keys_of_address(address: str) -> tuple[str, ...]:
    """Return the keys by which *address* may be bound, the closest first."""
    key = sender_key(address)
    return (key, key.rpartition("@")[2])


def _ascii_domain(domain: str) -> str:
    lowered = domain.lower()
    # Not of longer ones, because the codec's work grows with the square of the length.
    if lowered.isascii() or len(lowered) > MAX_DOMAIN_CHARACTERS:
        return lowered
    try:
        return lowered.encode("idna").decode("ascii")
    except UnicodeError:
        # Not a name of the DNS, yet comparable.
        return lowered
