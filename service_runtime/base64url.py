"""Octets as text for URLs (RFC 4648 section 5), without padding.

Some octets have one text, and no other is read: a token that could be written in many
ways could be counted as many.
"""

from typing import Final

import pybase64

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# By how many characters a text has beyond a multiple of four: those that it may end with,
# without surplus bits, and the padding that the decoder wants.
_LAST: Final = (_ALPHABET, "", _ALPHABET[::16], _ALPHABET[::4])
_PADDING: Final = ("", "", "==", "=")


def encode(octets: bytes) -> str:
    """Return the text of *octets*."""
    return pybase64.b64encode_as_string(octets, altchars=b"-_").rstrip("=")


def decode(text: str) -> bytes | None:
    """Return the octets whose text is exactly *text*; None if there are none."""
    beyond = len(text) % 4
    # The two characters of plain base64 are refused here, because the decoder takes
    # them, with a warning.
    if text[-1:] not in _LAST[beyond] or "+" in text or "/" in text:
        return None
    try:
        return pybase64.b64decode(text + _PADDING[beyond], altchars=b"-_", validate=True)
    except ValueError:
        return None
