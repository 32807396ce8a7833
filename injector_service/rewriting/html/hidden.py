"""Elements that hide what is in them: mail clients may not load an image there (rule 8)."""

import functools
import heapq
import re
from collections.abc import Iterable, Iterator
from typing import Final

from injector_service.rewriting.budget import SEARCHED_OCTETS, WALKED_OCTETS, Budget
from injector_service.rewriting.html.attributes import attributes_of
from injector_service.rewriting.html.spans import Spans
from injector_service.rewriting.html.text_proof import is_text

_DISPLAY_NONE: Final = re.compile(rb"display\s*+:\s*+none")
_HIDDEN: Final = re.compile(rb"hidden(?=[ \t\n\r\f/>=])")
_START_TAG: Final = re.compile(rb"<([a-z][a-z0-9]{0,15})(?=[ \t\n\r\f/])")

_VOID: Final = frozenset(
    {b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta",
     b"source", b"track", b"wbr"}
)  # fmt: skip

# Elements that end without an end tag (HTML standard 13.1.2.4), with what ends them.
_ENDED_BY: Final = {
    b"p": rb"<(?:p|div|table|ul|ol|dl|h[1-6]|hr|pre|form|center|blockquote)\b",
    b"td": rb"</?(?:td|th|tr|tbody|thead|tfoot)\b|</table\b",
    b"th": rb"</?(?:td|th|tr|tbody|thead|tfoot)\b|</table\b",
    b"tr": rb"</?(?:tr|tbody|thead|tfoot)\b|</table\b",
    b"li": rb"<li\b|</[uo]l\b",
}

# No start tag holds its style further from its name than this.
_REACH: Final = 2_000

# What a look at one candidate costs, besides its attributes and what follows it.
_CANDIDATE_STEPS: Final = 3

# A pattern for a name is made once, so only for names that there are in HTML; any other
# element is followed through all tags.
_COMMON: Final = frozenset(
    b"a abbr address article aside b big blockquote body button caption center code col dd div"
    b" dl dt em figure font footer form h1 h2 h3 h4 h5 h6 head header html i label li main nav"
    b" ol p pre s section small span strike strong sub sup table tbody td tfoot th thead tr tt"
    b" u ul".split()
)
_ANY_TAG: Final = re.compile(rb"<(/?)([a-z][a-z0-9]*+)(?=[ \t\n\r\f/>])")


def open_hidden_element(
    lowered: bytes,
    spot: int,
    opaque: Spans,
    closed: Spans | None = None,
    *,
    budget: Budget,
) -> tuple[bytes, int] | None:
    """Return name and offset of the outermost hidden element around *spot*, or None.

    *opaque* are the comments and raw texts in order, *closed* the closed
    containers: with them the elements in them ended.
    """
    judged = -1
    # Outside any tag, as a candidate was that began there: what is before it is looked
    # through once, and not again for each that follows.
    proven = 0
    for at in _candidates(lowered, spot, budget):
        start = -1 if opaque.hold(at) else lowered.rfind(b"<", max(at - _REACH, 0), at)
        if start == judged:
            continue
        judged = start
        if start < 0 or not (tag := _start_tag(lowered, start)):
            continue
        safe = max(opaque.before(start)[1], proven)
        budget.spend((start - safe) // WALKED_OCTETS)
        if not is_text(lowered, safe, start):
            # Perhaps no tag but an attribute's value.
            continue
        proven = start
        if not _hides(lowered, start, budget) or (closed is not None and closed.hold(start)):
            continue
        if not _is_closed(lowered, tag, at, spot, budget):
            return tag, start
    return None


def _is_closed(lowered: bytes, name: bytes, start: int, end: int, budget: Budget) -> bool:
    """Say whether the element *name* with its tag before *start* ends before *end*."""
    depth = 1
    for begins, position in _tags_of(lowered, name, start, end, budget):
        # What was searched for it may be long, and be searched for others, too.
        budget.spend(1 + (position - start) // SEARCHED_OCTETS)
        start = position
        depth += 1 if begins else -1
        if depth <= 0:
            return True
    return False


def _tags_of(
    lowered: bytes, name: bytes, start: int, end: int, budget: Budget
) -> Iterator[tuple[bool, int]]:
    """Yield for each tag that begins or ends an element *name* whether it begins, and where."""
    if name in _COMMON:
        for step in _steps_of(name).finditer(lowered, start, end):
            yield bool(step[1]), step.start()
        return
    for tag in _ANY_TAG.finditer(lowered, start, end):
        budget.spend(1)
        if tag[2] == name:
            yield not tag[1], tag.start()


def _candidates(lowered: bytes, spot: int, budget: Budget) -> Iterable[int]:
    """Return the offsets of what may hide an element, in order: there may be many."""
    # Searched from the end: CPython does that twice as fast, and mostly there is none.
    displays: Iterable[int] = ()
    if lowered.rfind(b"display", 0, spot) >= 0:
        displays = _starts(_DISPLAY_NONE, lowered, spot, budget)
    if lowered.rfind(b"hidden", 0, spot) < 0:
        return displays
    hidden = _starts(_HIDDEN, lowered, spot, budget)
    return heapq.merge(displays, hidden) if displays else hidden


def _starts(pattern: re.Pattern[bytes], lowered: bytes, spot: int, budget: Budget) -> Iterator[int]:
    for found in pattern.finditer(lowered, 0, spot):
        budget.spend(_CANDIDATE_STEPS)
        yield found.start()


def _start_tag(lowered: bytes, start: int) -> bytes:
    """Return the name of the element that may begin at *start*, if one with content may."""
    tag = _START_TAG.match(lowered, start)
    return b"" if tag is None or tag[1] in _VOID else tag[1]


def _hides(lowered: bytes, start: int, budget: Budget) -> bool:
    """Say whether the start tag at *start* hides its element."""
    return any(
        name == b"hidden" or (name == b"style" and _DISPLAY_NONE.search(value))
        for name, value in attributes_of(lowered, start, budget)
    )


@functools.cache
def _steps_of(name: bytes) -> re.Pattern[bytes]:
    """Return a pattern that matches where *name* elements begin (group 1) and end."""
    ended_by = _ENDED_BY.get(name)
    if ended_by is not None:
        return re.compile(rb"(?!)()|</" + name + rb"\b|" + ended_by)
    return re.compile(rb"<(?:(" + name + rb")|/" + name + rb")(?=[ \t\n\r\f/>])")
