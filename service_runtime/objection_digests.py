"""By what a recipient who has objected to being tracked is told: the same for both services."""

import hashlib
from typing import Final

from service_runtime.addresses import comparable

DIGEST_OCTETS: Final = 16

_PERSON: Final = b"recipient"


def recipient_digest(address: str, key: bytes) -> bytes:
    """Return what stands for the recipient *address*, however it is written.

    Args:
        address: alone, without a display name; see `comparable`.
        key: of the list that it is looked up in.
    """
    octets = comparable(address).encode(errors="replace")
    return hashlib.blake2b(octets, key=key, person=_PERSON, digest_size=DIGEST_OCTETS).digest()
