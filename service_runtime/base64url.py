"""Octets as text for URLs (RFC 4648 section 5), without padding.

Some octets have one text, and no other is read: a token that could be written in many
ways could be counted as many.
"""

import pybase64


def encode(octets: bytes) -> str:
    """Return the text of *octets*."""
    return pybase64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """Return the octets whose text is exactly *text*; None if there are none."""
    # The two characters of plain base64 are refused here, because the decoder takes
    # them, with a warning.
    if "+" in text or "/" in text:
        return None
    try:
        octets = pybase64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    # The decoder skips foreign characters and drops surplus bits; the comparison
    # refuses both.
    return octets if encode(octets) == text else None
