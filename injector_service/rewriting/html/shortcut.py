"""Finds the end of the body in ordinary HTML without reading every tag.

Nineteen texts in twenty have nothing that could mislead a search for the last
``</body>``.  This proves it for a text, or gives up: then the scan decides.
"""

import re
from typing import Final

from injector_service.rewriting.html.constructs import (
    RAW_TEXT,
    SPACE,
    comment_end,
    raw_text_end,
)
from injector_service.rewriting.html.scan import TAG
from injector_service.rewriting.html.text_proof import AFTER_NAME, is_text

# What changes the meaning of what follows: comments, CDATA, the scan's
# RAW_TEXT and CONTAINERS, plaintext.  The first two letters are looked up in
# sets before the rest of a name is compared: that is much faster on all other
# tags.  It finds too much ("<sextarea"), and that is looked at again.
_TURN: Final = re.compile(
    rb"<[!stxinpo][-\[tciexmfolb](?:-|aintext|lect|ject|mplate|script"
    rb"|yle|ript|tle|xtarea|p|rame|embed|frames|cdata\[)"
)

# What has more of them is left to the scan and its limits.
_MAX_TURNS: Final = 10_000


def end_of_body(lowered: bytes) -> tuple[int, list[tuple[int, int]]] | None:
    """Return the offset of the last ``</body>``, or of the end, and the comments and raw texts.

    None if it is not certain that the offset is outside everything.
    """
    spot = _candidate(lowered)
    if spot < 0:
        return None
    opaque: list[tuple[int, int]] = []
    safe = 0
    found = _TURN.search(lowered, 0, spot)
    while found is not None:
        at = found.start()
        if len(opaque) == _MAX_TURNS or not is_text(lowered, safe, at):
            return None
        name = lowered[at + 1 : found.end()]
        if name == b"!--":
            end = comment_end(lowered, at)
        elif name in RAW_TEXT:
            end = _raw_text_end(lowered, name, at)
        else:
            return None
        if not 0 <= end <= spot:
            return None
        opaque.append((at, end))
        safe = end
        found = _TURN.search(lowered, end, spot)
    if not is_text(lowered, safe, spot):
        return None
    return spot, opaque


def _candidate(lowered: bytes) -> int:
    """Return the offset that is the end of the body if nothing misleads, or -1."""
    spot = lowered.rfind(b"</body")
    if spot >= 0:
        return spot if lowered[spot + 6 : spot + 7] in AFTER_NAME else -1
    if lowered.rfind(b"<frameset") >= 0:
        return -1
    return len(lowered.rstrip(SPACE))


def _raw_text_end(lowered: bytes, name: bytes, at: int) -> int:
    """Return where the raw text of the tag at *at* ends, or -1 if that is not certain."""
    tag = TAG.match(lowered, at)
    if tag is None:
        return -1
    start = tag.end()
    end = raw_text_end(lowered, name, start)
    if lowered.find(b"<", start, end) >= 0 and (
        lowered.rfind(b"<svg", 0, at) >= 0 or lowered.rfind(b"<math", 0, at) >= 0
    ):
        # In SVG and MathML it would be ordinary markup.
        return -1
    return end
