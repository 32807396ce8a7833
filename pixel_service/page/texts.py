"""Texts that a message or a client made, as a page may show them: data, and nothing else."""

import re
from typing import Final

import htpy as h

from service_runtime.encoded_words import decode_words

# A subject has some 60 characters; what is longer is for nobody's eye.
_MOST: Final = 300

_CUT: Final = "…"

# Controls are not shown, and some must not be in HTML at all. Not the characters that only
# change directions or join others: an element of its own keeps their effect inside.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def shown(text: str, *, most: int = _MOST) -> h.Element:
    """Return *text* in one line, cut where it is too long, apart from the text around it."""
    return h.bdi[plain(text, most=most)]


def plain(text: str, *, most: int = _MOST) -> str:
    """Return *text* in one line, decoded, without controls, and cut where it is too long."""
    decoded = _CONTROLS.sub(_REPLACEMENT, decode_words(text)).strip()
    return decoded if len(decoded) <= most else decoded[: most - 1].rstrip() + _CUT
