"""Reads HTML with the tokenizer's rules of the HTML standard, as far as a place needs them.

The scan knows what is a tag and what only looks like one.  The rules it goes by are those
of the package's docstring.  All positions are octet offsets in the text, which is given
in lower case.
"""

import dataclasses
import re
from typing import Final, NamedTuple

from injector_service.rewriting.budget import SCANNED_OCTETS, Budget, TooComplexError
from injector_service.rewriting.html.constructs import (
    CONTAINERS,
    FOREIGN,
    RAW_TEXT,
    comment_end,
    end_of_text,
    raw_text_end,
)
from injector_service.rewriting.html.containers import OpenContainers
from injector_service.rewriting.html.spans import Spans

# The largest of 9,991 real HTML parts has 2.6 MB.  Text full of attributes is
# read at 35 MB per second.
MAX_SCANNED_OCTETS: Final = 4 << 20

# "<" and "{", each of which may begin a token, that are passed over in a step.
_STARTS_A_STEP: Final = 16

# What a token costs that is not passed over, and what a placeholder in all that follows.
_TOKEN_STEPS: Final = 2
_CONTAINERS_A_STEP: Final = 16
_PLACEHOLDER_STEPS: Final = 6

_NAMES: Final = b"|".join(
    (*RAW_TEXT, *CONTAINERS, *FOREIGN, b"plaintext", b"body", b"frameset", b"img")
)

# HTML standard, 13.2.5.32 to 13.2.5.39.  Everything possessive: what was
# matched is never looked at again.  No match: the tag does not end (rule 3).
ATTRIBUTES: Final = (
    rb"(?:[ \t\n\r\f/]++"
    rb"|[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+"
    rb"(?:[ \t\n\r\f]*+=[ \t\n\r\f]*+(?:\"[^\"]*+\"|'[^']*+'|[^ \t\n\r\f>\"'][^ \t\n\r\f>]*+|(?=>))"
    rb"|(?![ \t\n\r\f]*+=))"
    rb")*+>"
)
TAG: Final = re.compile(rb"<(/?)(" + _NAMES + rb")(?=[ \t\n\r\f/>])" + ATTRIBUTES)
_UNINTERESTING: Final = re.compile(
    rb"(?:[^<{]++"
    rb"|<(?![a-z/!?])"
    rb"|\{(?!\{(?:ses:)?opentracker\}\})"
    rb"|</?(?!(?:" + _NAMES + rb")[ \t\n\r\f/>])[a-z][^ \t\n\r\f/>]*+" + ATTRIBUTES +
    # Bogus comments, doctypes, processing instructions: all end at the first ">".
    rb"|<(?:!(?!--|\[)|\?|/(?![a-z]))[^>]*+>"
    rb")*+"
)  # fmt: skip
_PLACEHOLDER: Final = re.compile(rb"\{\{(?:ses:)?opentracker\}\}")


class Spot(NamedTuple):
    """A position between tokens (rule 1), and the way out of all containers around it (rule 4)."""

    offset: int
    outside: int


@dataclasses.dataclass(slots=True, kw_only=True)
class Scan:
    """What a text was found to hold."""

    end: Spot
    """The end of the document, or the start of what never ends (rule 3)."""

    body_open_end: Spot | None = None
    """The end of the first real ``<body …>``."""

    body_open: int = -1
    """The start of the same."""

    body_close: Spot | None = None
    """The last real ``</body>``."""

    frameset: int | None = None
    """The start of the first ``<frameset>`` that has no ``<body>`` before it."""

    placeholders: list[tuple[Spot, int]] = dataclasses.field(default_factory=list)
    """Where each begins and ends."""

    images: Spans = dataclasses.field(default_factory=Spans)
    opaque: Spans = dataclasses.field(default_factory=Spans)
    """Comments and raw text: nothing in them is markup (rule 2)."""

    closed: Spans
    """Containers that are closed, the outermost ones."""


class _Scanner:
    """One scan: a position, and the containers that are open there."""

    __slots__ = ("_budget", "_containers", "_lowered", "_position", "scan")

    def __init__(self, lowered: bytes, budget: Budget) -> None:
        self._lowered = lowered
        self._budget = budget
        self._position = 0
        self._containers = OpenContainers()
        self.scan = Scan(end=Spot(offset=0, outside=0), closed=self._containers.closed)

    def spot(self, offset: int) -> Spot:
        return Spot(offset=offset, outside=self._containers.outside(offset))

    def run(self) -> Scan:
        """Scan to the end or to what never ends."""
        lowered = self._lowered
        while True:
            self._budget.spend(_TOKEN_STEPS + len(self._containers.open) // _CONTAINERS_A_STEP)
            at = self._uninteresting_end(self._position)
            if at >= len(lowered):
                at = end_of_text(lowered)
                self.scan.end = self.spot(at)
                return self.scan
            end = self._token(at)
            if end < 0:
                self.scan.end = self.spot(at)
                return self.scan
            self._position = end

    def _uninteresting_end(self, start: int) -> int:
        """Return the offset of the first token that matters, at or after *start*."""
        found = _UNINTERESTING.match(self._lowered, start)
        return start if found is None else found.end()

    def _token(self, at: int) -> int:
        """Take in the token at *at*; return its end, or -1 if it has none."""
        lowered = self._lowered
        if lowered.startswith(b"{", at):
            return self._placeholder(at)
        if lowered.startswith(b"<!", at):
            return self._declaration(at)
        found = TAG.match(lowered, at)
        if found is None:
            return -1
        name = found[2]
        if found[1]:
            self._end_tag(name, at, found.end())
            return found.end()
        return self._start_tag(name, at, found.end())

    def _placeholder(self, at: int) -> int:
        found = _PLACEHOLDER.match(self._lowered, at)
        if found is None:
            return at + 1
        self._budget.spend(_PLACEHOLDER_STEPS)
        self.scan.placeholders.append((self.spot(at), found.end()))
        return found.end()

    def _declaration(self, at: int) -> int:
        lowered = self._lowered
        if lowered.startswith(b"<!--", at):
            end = comment_end(lowered, at)
            if end >= 0:
                self.scan.opaque.append(at, end)
        else:
            end = lowered.find(b">", at) + 1 or -1
            if lowered.startswith(b"<![cdata[", at) and self._containers.are_foreign():
                end = self._character_data(at, end)
        return end

    def _character_data(self, at: int, bracket: int) -> int:
        """Return the end of a CDATA section, which in HTML would end at its first *bracket*."""
        end = self._lowered.find(b"]]>", at)
        if end + 3 != bracket:
            self._containers.doubt()
        return end + 3 if end >= 0 else -1

    def _end_tag(self, name: bytes, at: int, end: int) -> None:
        if name != b"body":
            self._containers.close(name, end)
            return
        spot = self.spot(at)
        if spot.outside == at or (
            self.scan.body_close is None and self._containers.lets_body_through()
        ):
            self.scan.body_close = spot

    def _start_tag(self, name: bytes, at: int, end: int) -> int:
        scan, containers = self.scan, self._containers
        if name == b"img":
            scan.images.append(at, end)
        elif name == b"body":
            if containers.lets_body_through() and scan.body_open_end is None:
                scan.body_open, scan.body_open_end = at, self.spot(end)
        elif name == b"frameset":
            if scan.frameset is None and scan.body_open_end is None:
                scan.frameset = at
        elif name == b"plaintext":
            return -1
        elif self._lowered.startswith(b"/", end - 2) and name in FOREIGN:
            # Rule 5: only in SVG and MathML does a slash close an element.
            return end
        elif self._lowered.startswith(b"/", end - 2) and containers.are_foreign():
            containers.doubt()
            return end
        elif name in RAW_TEXT:
            return self._raw_text(name, at, end)
        else:
            containers.enter(name, at, end)
        return end

    def _raw_text(self, name: bytes, at: int, end: int) -> int:
        close = raw_text_end(self._lowered, name, end, self._budget)
        if close >= 0 and TAG.match(self._lowered, close) is None:
            # Rule 3: an end tag that does not end itself ends nothing (13.2.5.35).
            return -1
        if self._containers.are_foreign() and self._uninteresting_end(end) != close:
            # Rule 5: in SVG and MathML this is ordinary markup, and would end elsewhere.
            self._containers.doubt()
        if close >= 0:
            self.scan.opaque.append(at, close)
        return close


def scan_html(lowered: bytes, budget: Budget) -> Scan:
    """Scan a whole text.

    Raises:
        TooComplexError: it is more than we look at (rule 10).
    """
    if len(lowered) > MAX_SCANNED_OCTETS:
        raise TooComplexError
    starts = lowered.count(b"<") + lowered.count(b"{")
    budget.spend(len(lowered) // SCANNED_OCTETS + starts // _STARTS_A_STEP)
    return _Scanner(lowered, budget).run()
