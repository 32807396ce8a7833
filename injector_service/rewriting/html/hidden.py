"""Elements that hide what is in them: mail clients may not load an image there (rule 8)."""

import functools
import itertools
import re
from collections.abc import Sequence
from typing import Final

from injector_service.rewriting.html.attributes import attributes
from injector_service.rewriting.html.spans import is_in, span_before
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

# Steps of Python in one text.  Beyond them an element counts as closed.
_MAX_STEPS: Final = 5_000


def open_hidden_element(
    lowered: bytes,
    spot: int,
    opaque: Sequence[tuple[int, int]],
    closed: Sequence[tuple[int, int]] = (),
) -> tuple[bytes, int] | None:
    """Return name and offset of the outermost hidden element around *spot*, or None.

    *opaque* are the comments and raw texts in order, *closed* the closed
    containers: with them the elements in them ended.
    """
    steps = 0
    for at in _candidates(lowered, spot):
        steps += 1
        if steps > _MAX_STEPS:
            return None
        start = -1 if is_in(opaque, at) else lowered.rfind(b"<", max(at - _REACH, 0), at)
        name = _hidden_element(lowered, start, opaque) if start >= 0 else None
        if name is None or is_in(closed, start):
            continue
        depth = 1
        for step in _steps_of(name).finditer(lowered, at, spot):
            steps += 1
            depth += 1 if step[1] else -1
            if depth <= 0 or steps > _MAX_STEPS:
                break
        else:
            return name, start
    return None


def _candidates(lowered: bytes, spot: int) -> list[int]:
    """Return the offsets of what may hide an element, in order."""
    found: list[int] = []
    for word, pattern in ((b"display", _DISPLAY_NONE), (b"hidden", _HIDDEN)):
        # Searched from the end: CPython does that twice as fast, and mostly there is none.
        if lowered.rfind(word, 0, spot) >= 0:
            matches = itertools.islice(pattern.finditer(lowered, 0, spot), _MAX_STEPS)
            found += (match.start() for match in matches)
    return sorted(found)


def _hidden_element(lowered: bytes, start: int, opaque: Sequence[tuple[int, int]]) -> bytes | None:
    """Return the name of the element at *start* if it is one, and hidden; else None."""
    tag = _START_TAG.match(lowered, start)
    if tag is None or tag[1] in _VOID:
        return None
    if not is_text(lowered, span_before(opaque, start)[1], start):
        # Perhaps no tag but an attribute's value.
        return None
    for name, value in attributes(lowered, start):
        if name == b"hidden" or (name == b"style" and _DISPLAY_NONE.search(value)):
            return tag[1]
    return None


@functools.lru_cache(maxsize=64)
def _steps_of(name: bytes) -> re.Pattern[bytes]:
    """Return a pattern that matches where *name* elements begin (group 1) and end."""
    ended_by = _ENDED_BY.get(name)
    if ended_by is not None:
        return re.compile(rb"(?!)()|</" + name + rb"\b|" + ended_by)
    return re.compile(rb"<(?:(" + name + rb")|/" + name + rb")(?=[ \t\n\r\f/>])")
