"""Elements that hide what is in them: mail clients may not load an image there."""

import bisect
import functools
import re
from collections.abc import Sequence
from typing import Final

from injector_service.html_text import is_text

_DISPLAY_NONE: Final = re.compile(rb"display\s*+:\s*+none")
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

# No start tag holds its style further behind its name than this.
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
    # Searched from the end: CPython does that twice as fast, and mostly there is none.
    if lowered.rfind(b"display", 0, spot) < 0:
        return None
    steps = 0
    for found in _DISPLAY_NONE.finditer(lowered, 0, spot):
        steps += 1
        if steps > _MAX_STEPS:
            return None
        at = found.start()
        start = -1 if _is_in(opaque, at) else lowered.rfind(b"<", max(at - _REACH, 0), at)
        if start < 0 or lowered.find(b">", start, at) >= 0:
            continue
        if not is_text(lowered, _end_before(opaque, start), start):
            # Perhaps no tag but an attribute's value.
            continue
        tag = _START_TAG.match(lowered, start)
        if tag is None or tag[1] in _VOID or _is_in(closed, start):
            continue
        depth = 1
        for step in _steps_of(tag[1]).finditer(lowered, at, spot):
            steps += 1
            depth += 1 if step[1] else -1
            if depth <= 0 or steps > _MAX_STEPS:
                break
        else:
            return tag[1], start
    return None


def _end_before(spans: Sequence[tuple[int, int]], at: int) -> int:
    """Return the end of the last span before *at*, or 0."""
    index = bisect.bisect_right(spans, (at, at)) - 1
    return spans[index][1] if index >= 0 else 0


def _is_in(spans: Sequence[tuple[int, int]], at: int) -> bool:
    index = bisect.bisect_right(spans, (at, at)) - 1
    return index >= 0 and spans[index][0] <= at < spans[index][1]


@functools.lru_cache(maxsize=64)
def _steps_of(name: bytes) -> re.Pattern[bytes]:
    """Return a pattern that matches where *name* elements begin (group 1) and end."""
    ended_by = _ENDED_BY.get(name)
    if ended_by is not None:
        return re.compile(rb"(?!)()|</" + name + rb"\b|" + ended_by)
    return re.compile(rb"<(?:(" + name + rb")|/" + name + rb")(?=[ \t\n\r\f/>])")
