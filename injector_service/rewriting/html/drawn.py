"""Whether a document draws something before a tag with which its body should begin (rules 6, 7).

Then the body has begun without it: a ``<frameset>`` is ignored (HTML standard
13.2.6.4.7, frameset-ok flag), and a ``<body>`` is no place where something begins.
"""

import re
from typing import Final

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.html.constructs import RAW_TEXT, comment_end, raw_text_end
from injector_service.rewriting.html.scan import ATTRIBUTES

# What clears the frameset-ok flag; <input> is hidden or it is not, and counts as hidden.
_DRAWN: Final = (
    rb"pre|listing|li|dd|dt|button|applet|marquee|object|table|area|br|embed|img|image|keygen"
    rb"|wbr|hr|textarea|xmp|iframe|select"
)

# In these parsers disagree about the flag, or it depends on whether scripts run: nothing
# up to their last end tag counts.
_UNCERTAIN: Final = rb"noscript|template|svg|math"
_NOT_DRAWN: Final = rb"style|script|title|noembed|noframes|" + _UNCERTAIN
_NOT_DRAWN_TAG: Final = re.compile(rb"<(" + _NOT_DRAWN + rb")(?=[ \t\n\r\f/>])" + ATTRIBUTES)

# White space, tags that draw nothing, bogus comments.
_BLANK: Final = re.compile(
    rb"(?:[ \t\n\r\f\0]++"
    rb"|<(?!(?:" + _DRAWN + rb"|" + _NOT_DRAWN + rb")[ \t\n\r\f/>])[a-z][^ \t\n\r\f/>]*+"
    + ATTRIBUTES +
    rb"|</(?!br[ \t\n\r\f/>])[a-z][^ \t\n\r\f/>]*+" + ATTRIBUTES +
    rb"|<(?:!(?!--)|\?|/(?![a-z]))[^>]*+>"
    rb")*+"
)  # fmt: skip
_UTF8_MARK: Final = b"\xef\xbb\xbf"


def draws_before(lowered: bytes, limit: int, budget: Budget) -> bool:
    """Say whether something is certainly drawn before the tag at *limit*."""
    position = len(_UTF8_MARK) if lowered.startswith(_UTF8_MARK) else 0
    while True:
        budget.spend(2)
        found = _BLANK.match(lowered, position, limit)
        at = position if found is None else found.end()
        if at >= limit:
            return False
        end = _undrawn_end(lowered, at, limit, budget)
        if end < 0:
            return True
        if end >= limit:
            return False
        position = end


def _undrawn_end(lowered: bytes, at: int, limit: int, budget: Budget) -> int:
    """Return the end of what is not drawn at *at*, at most *limit*; -1 if something is."""
    if lowered.startswith(b"<!--", at):
        return comment_end(lowered, at)
    found = _NOT_DRAWN_TAG.match(lowered, at)
    if found is None:
        return -1
    name = found[1]
    if name in RAW_TEXT:
        end = raw_text_end(lowered, name, found.end(), budget)
    else:
        end = lowered.rfind(b"</" + name, found.end(), limit)
    return end if end >= 0 else limit
