"""IDs that the service makes when the caller gives none."""

import hashlib
import secrets
import string
from collections.abc import Callable
from typing import Final

from service_runtime import base64url
from service_runtime.key_ring import KeyRing

# 22 of 62 characters carry 131 bits, as many as a random UUID and in two thirds of
# its length: the ID is part of every pixel's URL.
_MESSAGE_ID_CHARACTERS: Final = 22

# 16 of 36 carry 82 bits: short enough for people, too many to guess or to draw twice.
_CONFIGURATION_ID_CHARACTERS: Final = 16


# 128 bits, which are 22 characters of base64url: as long as a new ID.
_COPY_ID_OCTETS: Final = 16

# Keeps what is derived from a key of tokens apart from the tokens.
_COPY_ID_PURPOSE: Final = b"emailopens.copy"


class CopyIds:
    """IDs for the copies of a message that its recipients get: the same ones every time.

    Keyed, because an ID is in every notification, also in those that must not tell the
    recipient: without the key nobody can try addresses until one fits.  The key is the one
    with the lowest ID, which stays when another is added.
    """

    def __init__(self, key_ring: KeyRing) -> None:
        key = key_ring.keys[min(key_ring.keys)]
        self._hash = hashlib.blake2b(key=key, person=_COPY_ID_PURPOSE, digest_size=_COPY_ID_OCTETS)

    def of_message(self, identity: bytes) -> Callable[[str], str]:
        """Return what gives the ID of the copy for an address.

        The domain ignores case (RFC 5321 section 2.4).  *identity* is whatever tells the
        message from others.
        """
        of_message = self._hash.copy()
        of_message.update(hashlib.sha256(identity).digest())

        def copy_id(address: str) -> str:
            digest = of_message.copy()
            local_part, at, domain = address.rpartition("@")
            digest.update(f"{local_part}{at}{domain.lower()}".encode())
            return base64url.encode(digest.digest())

        return copy_id


def new_message_id() -> str:
    """Return an ID for a message."""
    return _random_text(string.ascii_letters + string.digits, _MESSAGE_ID_CHARACTERS)


def new_configuration_id() -> str:
    """Return an ID for a configuration."""
    return _random_text(string.ascii_lowercase + string.digits, _CONFIGURATION_ID_CHARACTERS)


def _random_text(alphabet: str, length: int) -> str:
    # One random number, not one for each character: that costs a tenth of a rewriting.
    number = secrets.randbelow(len(alphabet) ** length)
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(alphabet))
        characters.append(alphabet[digit])
    return "".join(characters)
