"""IDs that the service makes when the caller gives none."""

import hashlib
import secrets
import string
from collections.abc import Callable
from typing import Final

from service_runtime import base64url
from service_runtime.key_ring import KeyRing
from service_runtime.message_ids import REST_CHARACTERS, beginning_at

# 16 of 36 carry 82 bits: short enough for people, too many to guess or to draw twice.
_CONFIGURATION_ID_CHARACTERS: Final = 16
_CONFIGURATION_ID_ALPHABET: Final = string.ascii_lowercase + string.digits

# 128 bits, which are 22 characters of base64url: as long as a new ID.
_COPY_ID_OCTETS: Final = 16

# Of so many the characters of a new ID are made that tell it from others: a few bits more.
_REST_OCTETS: Final = -(-REST_CHARACTERS * 6 // 8)

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

    def of_message(self, identity: bytes, *, sent_us: int | None = None) -> Callable[[str], str]:
        """Return what gives the ID of the copy for an address.

        The domain ignores case (RFC 5321 section 2.4).  *identity* is whatever tells the
        message from others.  *sent_us* is when the message says that it was sent,
        microseconds since 1970 UTC: IDs begin with that, and not with the present moment,
        which is another when the message is sent once more.
        """
        beginning = "" if sent_us is None else beginning_at(sent_us)
        of_message = self._hash.copy()
        of_message.update(hashlib.sha256(identity).digest())

        def copy_id(address: str) -> str:
            digest = of_message.copy()
            local_part, at, domain = address.rpartition("@")
            digest.update(f"{local_part}{at}{domain.lower()}".encode())
            rest = base64url.encode(digest.digest())
            return beginning + rest[:REST_CHARACTERS] if beginning else rest

        return copy_id


def new_message_id(now_us: int) -> str:
    """Return an ID for a message that is made now, microseconds since 1970 UTC."""
    rest = base64url.encode(secrets.token_bytes(_REST_OCTETS))
    return beginning_at(now_us) + rest[:REST_CHARACTERS]


def new_configuration_id() -> str:
    """Return an ID for a configuration."""
    return "".join(
        secrets.choice(_CONFIGURATION_ID_ALPHABET) for _ in range(_CONFIGURATION_ID_CHARACTERS)
    )
