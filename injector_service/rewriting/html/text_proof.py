"""Proves that a place in HTML is text, from what is just before it (rule 9)."""

from typing import Final

from injector_service.rewriting.html.constructs import SPACE

# What ends a tag name.
AFTER_NAME: Final = frozenset((b">", b" ", b"\t", b"\n", b"\r", b"\f", b"/"))

# White space between "=" and a quote that is looked through for the "=".
_LOOK_BACK: Final = 64


def is_text(lowered: bytes, safe: int, at: int) -> bool:
    """Say whether *at* is certainly outside any tag, given that *safe* is.

    Between them no comment and no raw text may begin.

    Directly after a ">" the tokenizer is in text, unless the ">" is in a quoted
    value.  The quote that opened the value would be the last of its kind before
    the ">", and an "=" would be before it.
    """
    bracket = lowered.rfind(b">", safe, at)
    if lowered.find(b"<", max(bracket, safe), at) >= 0:
        return False
    if bracket < 0:
        return True
    for quote in (b'"', b"'"):
        opened = lowered.rfind(quote, safe, bracket)
        if opened > 0:
            before = lowered[opened - 1 : opened]
            if before in AFTER_NAME:
                # A long run of white space proves nothing.
                before = lowered[max(opened - _LOOK_BACK, 0) : opened].rstrip(SPACE)[-1:] or b"="
            if before == b"=":
                return False
    return True
