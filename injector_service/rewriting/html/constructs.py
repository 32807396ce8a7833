"""What is not markup in HTML, and where it ends (rule 2); which elements are containers.

Texts are given in lower case; positions are octet offsets in them.
"""

import re
from typing import Final

from injector_service.rewriting.budget import Budget

SPACE: Final = b" \t\n\r\f"

# Elements with no tags inside: their text goes up to their own end tag.
RAW_TEXT: Final = (
    b"style", b"script", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes",
)  # fmt: skip

# Elements whose inside is inert, or shown instead of something else: an image
# in there may not be loaded, or not be an image at all (rule 4).
CONTAINERS: Final = (b"template", b"select", b"object", b"noscript")

# In these, tags follow XML's rules (rule 5).  An ``<img>`` ends them (HTML standard
# 13.2.6.5), so that it need not leave them.
FOREIGN: Final = (b"svg", b"math")

_RAW_TEXT_END: Final = {
    name: re.compile(rb"</" + name + rb"(?=[ \t\n\r\f/>])") for name in RAW_TEXT
}

_SCRIPT_STEP: Final = re.compile(rb"<!--|-->|</?script(?=[ \t\n\r\f/>])")

# What is looked at of a text's end at a time.
_TAIL_OCTETS: Final = 1 << 12

# Nearly all comments end in it.
_FIRST_WINDOW: Final = 1 << 10


def end_of_text(lowered: bytes) -> int:
    """Return where the white space at the end begins."""
    end = len(lowered)
    while end:
        # Usually there is a line end or nothing: all that is before it need not be copied.
        start = max(end - _TAIL_OCTETS, 0)
        kept = len(lowered[start:end].rstrip(SPACE))
        if kept:
            return start + kept
        end = start
    return 0


def comment_end(lowered: bytes, start: int) -> int:
    """Return where the comment at *start* ends, or -1 if it does not.

    Both ends are looked for in windows that grow: one of them may be far after the other.
    """
    limit, window = start, _FIRST_WINDOW
    while limit < len(lowered):
        limit, window = start + window, window * 4
        # From the second character on: "<!-->" and "<!--->" are comments.
        end = lowered.find(b"-->", start + 2, limit)
        other = lowered.find(b"--!>", start + 4, end if end >= 0 else limit)
        if other >= 0:
            return other + 4
        if end >= 0:
            return end + 3
    return -1


def raw_text_end(lowered: bytes, name: bytes, start: int, budget: Budget) -> int:
    """Return where the end tag of raw text begins, or -1 if there is none."""
    found = _RAW_TEXT_END[name].search(lowered, start)
    if found is None:
        return -1
    if name == b"script" and lowered.find(b"<!--", start, found.start()) >= 0:
        return _script_end(lowered, start, budget)
    return found.start()


def _script_end(lowered: bytes, start: int, budget: Budget) -> int:
    """Return where the end tag of a script with a comment in it begins, or -1.

    Inside ``<!-- … -->`` each ``<script`` takes the next end tag for itself
    (HTML standard 13.2.5.17 to 13.2.5.31).
    """
    is_escaped = is_nested = False
    position = start
    while (found := _SCRIPT_STEP.search(lowered, position)) is not None:
        budget.spend(1)
        position = found.end()
        step = found[0]
        if step == b"<!--":
            is_escaped = True
            # "<!-->" and "<!--->" end what they began.
            position -= 2
        elif step == b"-->":
            is_escaped = is_nested = False
        elif step == b"<script":
            is_nested = is_escaped
        elif not is_nested:
            return found.start()
        else:
            is_nested = False
    return -1
