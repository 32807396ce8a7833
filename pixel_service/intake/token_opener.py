"""Opens pixel tokens: the half of `emailopens.token.v1` that reads.

The layout, octet by octet, is specified in `pixel_token.proto`.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from google.protobuf.message import DecodeError

from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.errors import TokenInvalid
from service_runtime import base64url
from service_runtime.key_ring import KEY_OCTETS, KeyRing

# The longest token that is ever minted (pixel_token.proto).
MAX_TOKEN_CHARACTERS: Final = 1_950

TOKEN_PURPOSE: Final = b"emailopens.token.v1.pixel"
_IV_OCTETS: Final = 16


class TokenOpener:
    """Opens tokens with the keys of a ring.

    Makes one cipher object per key, once: making it takes as long as opening a
    token does.
    """

    def __init__(self, key_ring: KeyRing) -> None:
        self._ciphers = {
            key_id: (AESSIV(key), [TOKEN_PURPOSE, bytes([key_id])])
            for key_id, key in key_ring.keys.items()
        }
        # Its key is nobody's: what names no key of the ring costs what a forged token
        # costs, and opens nothing.
        self._decoy = (AESSIV(secrets.token_bytes(KEY_OCTETS)), [TOKEN_PURPOSE, b"\0"])

    def unseal(self, token: str) -> tuple[pb.PixelToken, bytes]:
        """Return what *token* holds, and its octets, which take as long to make again.

        Raises:
            TokenInvalid: whatever is wrong with it; the error does not say what.
        """
        sealed = _decode(token)
        cipher, associated_data = self._ciphers.get(sealed[0], self._decoy)
        try:
            plaintext = cipher.decrypt(sealed[1:], associated_data)
            return pb.PixelToken.FromString(plaintext), plaintext
        except (InvalidTag, DecodeError):
            raise TokenInvalid from None


def _decode(token: str) -> bytes:
    """Return the octets of *token*, of which there is one spelling only."""
    octets = base64url.decode(token) if len(token) <= MAX_TOKEN_CHARACTERS else None
    if octets is None or len(octets) <= 1 + _IV_OCTETS:
        raise TokenInvalid
    return octets
