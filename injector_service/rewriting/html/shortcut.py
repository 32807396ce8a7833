"""Finds the end of the body in ordinary HTML without reading every tag (rule 9).

Nineteen texts in twenty have nothing that could mislead a search for the last
``</body>``.  This proves it for a text, or gives up: then the scan decides.
"""

import re
from typing import Final

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.html.constructs import (
    FOREIGN,
    RAW_TEXT,
    comment_end,
    end_of_text,
    raw_text_end,
)
from injector_service.rewriting.html.scan import TAG
from injector_service.rewriting.html.spans import Spans
from injector_service.rewriting.html.text_proof import AFTER_NAME, is_text

# What changes the meaning of what follows: comments, CDATA, the scan's
# RAW_TEXT and CONTAINERS, plaintext, frameset.  The first two letters are looked up in
# sets before the rest of a name is compared: that is much faster on all other
# tags.  It finds too much ("<sextarea"), and that is looked at again.
_TURN: Final = re.compile(
    rb"<[!stxinpof][-\[tciexmfolbr](?:-|aintext|lect|ject|mplate|script"
    rb"|yle|ript|tle|xtarea|p|rame|embed|frames|ameset|cdata\[)"
)

# What a comment or a raw text costs.
_TURN_STEPS: Final = 4

_FOREIGN_TAGS: Final = tuple(b"<" + name for name in FOREIGN)


def end_of_body(lowered: bytes, budget: Budget) -> tuple[int, Spans] | None:
    """Return the offset of the last ``</body>``, or of the end, and the comments and raw texts.

    None if it is not certain that the offset is outside everything.
    """
    spot = _candidate(lowered)
    opaque = _opaque_before(lowered, spot, budget) if spot >= 0 else None
    if opaque is None or not is_text(lowered, opaque.end, spot):
        return None
    # Rule 7: frames may take the body's place.
    return None if lowered.find(b"<frameset", spot) >= 0 else (spot, opaque)


def _opaque_before(lowered: bytes, spot: int, budget: Budget) -> Spans | None:
    """Return the comments and raw texts before *spot*; None if something else is there."""
    opaque = Spans()
    safe = no_foreign_before = 0
    found = _TURN.search(lowered, 0, spot)
    while found is not None:
        budget.spend(_TURN_STEPS)
        at = found.start()
        if not is_text(lowered, safe, at):
            return None
        name = lowered[at + 1 : found.end()]
        if name == b"!--":
            end = comment_end(lowered, at)
        elif name in RAW_TEXT:
            end, holds_markup = _raw_text_end(lowered, name, at, budget)
            if holds_markup:
                if any(lowered.rfind(tag, no_foreign_before, at) >= 0 for tag in _FOREIGN_TAGS):
                    # In SVG and MathML it would be ordinary markup.
                    return None
                no_foreign_before = at
        else:
            return None
        if not 0 <= end <= spot:
            return None
        opaque.append(at, end)
        safe = end
        found = _TURN.search(lowered, end, spot)
    return opaque


def _candidate(lowered: bytes) -> int:
    """Return the offset that is the end of the body if nothing misleads, or -1."""
    spot = lowered.rfind(b"</body")
    if spot >= 0:
        return spot if lowered[spot + 6 : spot + 7] in AFTER_NAME else -1
    return end_of_text(lowered)


def _raw_text_end(lowered: bytes, name: bytes, at: int, budget: Budget) -> tuple[int, bool]:
    """Return where the raw text of the tag at *at* ends, and whether anything in it is like a tag.

    -1 if the end is not certain.
    """
    tag = TAG.match(lowered, at)
    if tag is None:
        return -1, False
    end = raw_text_end(lowered, name, tag.end(), budget)
    return end, lowered.find(b"<", tag.end(), end) >= 0
