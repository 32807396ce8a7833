"""Opens pixel tokens: the half of `emailopens.token.v1` that reads.

The layout, octet by octet, is specified in `pixel_token.proto`.
"""

import binascii
import secrets
from typing import Final

import pybase64
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from google.protobuf.message import DecodeError

from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.errors import TokenInvalid
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

    def unseal(self, token: str) -> pb.PixelToken:
        """Return what *token* holds.

        Raises:
            TokenInvalid: whatever is wrong with it; the error does not say what.
        """
        sealed = _decode(token)
        cipher, associated_data = self._ciphers.get(sealed[0], self._decoy)
        try:
            plaintext = cipher.decrypt(sealed[1:], associated_data)
            return pb.PixelToken.FromString(plaintext)
        except (InvalidTag, DecodeError):
            raise TokenInvalid from None


def _decode(token: str) -> bytes:
    """Return the octets of *token*, of which there is one spelling only."""
    # The two characters of plain base64 are refused here, because the decoder takes
    # them, with a warning.
    if len(token) > MAX_TOKEN_CHARACTERS or "+" in token or "/" in token:
        raise TokenInvalid
    try:
        octets = pybase64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raise TokenInvalid from None
    # The decoder skips foreign characters and drops surplus bits; the comparison
    # refuses both.
    if pybase64.urlsafe_b64encode(octets).rstrip(b"=") != token.encode():
        raise TokenInvalid
    if len(octets) <= 1 + _IV_OCTETS:
        raise TokenInvalid
    return octets
