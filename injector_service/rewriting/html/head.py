"""Where the head of an HTML document ends that has no ``<body>`` tag to say so (rule 6)."""

import re
from typing import Final

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.html.constructs import RAW_TEXT, comment_end, raw_text_end
from injector_service.rewriting.html.scan import ATTRIBUTES

_SPACE: Final = re.compile(rb"[ \t\n\r\f]*+")
_UTF8_MARK: Final = b"\xef\xbb\xbf"

# Tags that do not begin the body (HTML standard 13.2.6.4.1 to 13.2.6.4.6).
_TAG: Final = re.compile(
    rb"</?(html|head|meta|link|base|title|style|script)(?=[ \t\n\r\f/>])" + ATTRIBUTES
)


def head_end(lowered: bytes, budget: Budget) -> int:
    """Return the offset of what first begins the body in a text in lower case."""
    position = len(_UTF8_MARK) if lowered.startswith(_UTF8_MARK) else 0
    while True:
        budget.spend(2)
        space = _SPACE.match(lowered, position)
        at = position if space is None else space.end()
        end = _token_end(lowered, at, budget)
        if end < 0:
            return at
        position = end


def _token_end(lowered: bytes, at: int, budget: Budget) -> int:
    """Return the end of the token at *at* if the head may go on after it, or -1."""
    if lowered.startswith(b"<!--", at):
        return comment_end(lowered, at)
    if lowered.startswith((b"<!", b"<?"), at):
        return lowered.find(b">", at) + 1 or -1
    found = _TAG.match(lowered, at)
    if found is None:
        return -1
    if found[1] in RAW_TEXT and not lowered.startswith(b"/", at + 1):
        return raw_text_end(lowered, found[1], found.end(), budget)
    return found.end()
