"""Attributes other than an image's source that load a pixel of ours (rule 11).

Mail clients write what they quote in their own way: Outlook makes VML of an image that
is out of the flow, in a comment that Outlook alone reads; others make a background of
it, or a set of sources.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from injector_service.rewriting.budget import SCANNED_OCTETS, Budget
from injector_service.rewriting.html.attributes import attribute_matches, value_of
from injector_service.rewriting.html.scan import ATTRIBUTES, Scan
from injector_service.rewriting.html.spans import Spans

# No tag holds the URL further from its start than this.
_REACH: Final = 2_000

# A thread of replies quotes a few dozen pixels at most, and most of those are images still.
_MAX_TAGS: Final = 100

_TAG: Final = re.compile(rb"</?[a-z][^ \t\n\r\f/>]*+" + ATTRIBUTES)
_TOKENS: Final = re.compile(
    rb"(?:[^<]++|<(?![a-z/!?])|" + _TAG.pattern + rb"|<(?:!(?!--)|\?|/(?![a-z]))[^>]*+>)*+"
)
_CONDITION: Final = re.compile(rb"<!--\[if[^>]*+>")
_VML: Final = b"<v:"
_VML_SOURCES: Final = frozenset({b"src", b"o:href"})


# What ends an attribute that was taken out: the next one is apart without the space before.
_APART: Final = frozenset((b" ", b"\t", b"\n", b"\r", b"\f", b"/", b">"))

# What would end a comment together with the ">" of a tag.
_ENDS_COMMENT: Final = frozenset((b"-", b"!"))


def own_attributes(
    html: bytes,
    lowered: bytes,
    scan: Scan,
    urls: Iterable[int],
    is_own_url: Callable[[bytes], bool],
    budget: Budget,
) -> Iterator[tuple[int, int]]:
    """Yield the spans of attributes that load one of ours; *urls* are offsets in them, in order.

    *lowered* is *html* in lower case, *scan* what it was found to hold.
    """
    tags = dict.fromkeys(html.rfind(b"<", max(at - _REACH, 0), at) for at in urls)
    text = 0
    for start in itertools.islice(tags, _MAX_TAGS):
        if not 0 <= start < scan.end.offset:
            continue
        is_vml = lowered.startswith(_VML, start)
        begin, stop = _surroundings(lowered, scan.opaque, start, is_vml=is_vml)
        text = max(begin, text)
        budget.spend(max(start - text, 0) // SCANNED_OCTETS)
        text = _token_start(lowered, text, start)
        if text == start and _TAG.match(lowered, start, stop):
            for found in attribute_matches(html, start, budget):
                if _loads(found, is_own_url, is_vml=is_vml):
                    yield from _removable(html, found)


def _surroundings(lowered: bytes, opaque: Spans, start: int, *, is_vml: bool) -> tuple[int, int]:
    """Return between which offsets there is nothing but text and tags around *start*.

    VML is markup in a conditional comment, too.
    """
    begin, end = opaque.before(start)
    if start >= end:
        return end, len(lowered)
    condition = _CONDITION.match(lowered, begin) if is_vml else None
    return (end, end) if condition is None else (condition.end(), end)


def _token_start(lowered: bytes, text: int, at: int) -> int:
    """Return the start of the token that is at *at* or goes over it; *text* is one, too."""
    found = _TOKENS.match(lowered, text, at) if text < at else None
    return text if found is None else found.end()


def _loads(found: re.Match[bytes], is_own_url: Callable[[bytes], bool], *, is_vml: bool) -> bool:
    """Say whether an attribute loads a pixel of ours and nothing else."""
    name, value = found[1].lower(), value_of(found)
    if name == b"srcset":
        urls = [word.rstrip(b",") for word in value.split() if b"/" in word]
        return bool(urls) and all(map(is_own_url, urls))
    return (name == b"background" or (is_vml and name in _VML_SOURCES)) and is_own_url(value)


def _removable(html: bytes, found: re.Match[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the span of an attribute without which the tag is as well formed as before."""
    end = found.end()
    start = found.start() if html[end : end + 1] in _APART else found.start(1)
    if html[start - 1 : start] not in _ENDS_COMMENT:
        yield start, end
