"""Reads HTML with the tokenizer's rules of the HTML standard, as far as a place needs them.

The scan knows what is a tag and what only looks like one: in comments, in raw
text such as script, in attribute values, in what is never closed.  It builds
no tree.  All positions are octet offsets in the text, which is given in lower case.
"""

import dataclasses
import re
from typing import Final

SPACE: Final = b" \t\n\r\f"

# Elements with no tags inside: their text goes up to their own end tag.
RAW_TEXT: Final = (
    b"style", b"script", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes",
)  # fmt: skip

# Elements whose inside is inert, or shown instead of something else: an image
# in there may not be loaded, or be no image at all.
CONTAINERS: Final = (b"template", b"select", b"object", b"noscript")

# In these, tags follow XML's rules.  An ``<img>`` ends them (HTML standard
# 13.2.6.5), so that it need not leave them.
FOREIGN: Final = (b"svg", b"math")

# The largest of 9,991 real HTML parts has 2.6 MB.  Text full of attributes is
# read at 35 MB per second.
MAX_SCANNED_OCTETS: Final = 8 << 20

# "<" and "{", each of which may begin a token: 400,000 are a tenth of a second.
MAX_STARTS: Final = 400_000

# Tags and comments that cost a step of Python each, a few microseconds.
MAX_TOKENS: Final = 30_000

# Containers in containers, tracked one by one; deeper ones change nothing,
# because the way out is the outermost.
MAX_OPEN: Final = 64

_NAMES: Final = b"|".join(
    (*RAW_TEXT, *CONTAINERS, *FOREIGN, b"plaintext", b"body", b"frameset", b"img")
)

# HTML standard, 13.2.5.32 to 13.2.5.39.  Everything possessive: what was
# matched is never looked at again.  No match: the tag does not end.
_ATTRIBUTES: Final = (
    rb"(?:[ \t\n\r\f/]++"
    rb"|[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+"
    rb"(?:[ \t\n\r\f]*+=[ \t\n\r\f]*+(?:\"[^\"]*+\"|'[^']*+'|[^ \t\n\r\f>\"'][^ \t\n\r\f>]*+|(?=>))"
    rb"|(?![ \t\n\r\f]*+=))"
    rb")*+>"
)
_TAG: Final = re.compile(rb"<(/?)(" + _NAMES + rb")(?=[ \t\n\r\f/>])" + _ATTRIBUTES)
_UNINTERESTING: Final = re.compile(
    rb"(?:[^<{]++"
    rb"|<(?![a-z/!?])"
    rb"|\{(?!\{(?:ses:)?opentracker\}\})"
    rb"|</?(?!(?:" + _NAMES + rb")[ \t\n\r\f/>])[a-z][^ \t\n\r\f/>]*+" + _ATTRIBUTES +
    # Bogus comments, doctypes, processing instructions: all end at the first ">".
    rb"|<(?:!(?!--|\[)|\?|/(?![a-z]))[^>]*+>"
    rb")*+"
)  # fmt: skip
_PLACEHOLDER: Final = re.compile(rb"\{\{(?:ses:)?opentracker\}\}")

_RAW_TEXT_END: Final = {
    name: re.compile(rb"</" + name + rb"(?=[ \t\n\r\f/>])") for name in RAW_TEXT
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A position between tokens, and how far out one must go to leave all containers around it."""

    offset: int
    outside: int


@dataclasses.dataclass(slots=True, kw_only=True)
class Scan:
    """What a text was found to hold."""

    end: Spot
    """The end of the document, or the start of what is never closed."""

    body_open_end: int | None = None
    """Behind the first real ``<body …>``."""

    body_close: Spot | None = None
    """The last real ``</body>``."""

    has_frameset: bool = False
    """Whether frames stand in the place of a body."""

    placeholders: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    placeholder_spot: Spot | None = None
    images: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    opaque: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    """Comments and raw text: what stands in them is no markup."""


def comment_end(lowered: bytes, start: int) -> int:
    """Return where the comment at *start* ends, or -1 if it does not."""
    # From the second character on: "<!-->" and "<!--->" are comments.
    end = lowered.find(b"-->", start + 2)
    other = lowered.find(b"--!>", start + 4, end if end >= 0 else len(lowered))
    if other >= 0:
        return other + 4
    return end + 3 if end >= 0 else -1


def raw_text_end(lowered: bytes, name: bytes, start: int) -> int:
    """Return where the end tag of raw text begins, or -1 if there is none."""
    found = _RAW_TEXT_END[name].search(lowered, start)
    if found is None:
        return -1
    end = found.start()
    if name == b"script":
        # HTML standard 13.2.5.26: "<!-- <script" makes the first end tag text.
        hidden = lowered.find(b"<!--", start, end)
        if hidden >= 0 and lowered.find(b"<script", hidden, end) >= 0:
            closing = lowered.find(b"-->", hidden)
            again = _RAW_TEXT_END[name].search(lowered, found.end())
            if (closing < 0 or closing > end) and again is not None:
                return again.start()
    return end


def conditional_step(lowered: bytes, start: int, end: int) -> int:
    """Return 1 if a token opens text that Outlook does not show, -1 if it closes it, else 0.

    ``<!--[if !mso]><!-->`` and ``<![if !mso]>``: for everybody else the text is
    ordinary HTML.
    """
    inner = lowered[start:end]
    if inner.startswith(b"<!--[if"):
        return 1 if inner.endswith((b"]><!-->", b"]>-->", b"]><!---->")) else 0
    if inner.startswith(b"<![if"):
        return 1
    return -1 if inner.startswith((b"<!--<![endif]", b"<![endif]")) else 0


class _Scanner:
    """One scan: a position, and the containers that are open there."""

    __slots__ = ("_lowered", "_open", "_position", "scan")

    def __init__(self, lowered: bytes) -> None:
        self._lowered = lowered
        self._position = 0
        self._open: list[tuple[bytes, int]] = []
        self.scan = Scan(end=Spot(offset=0, outside=0))

    def spot(self, offset: int) -> Spot:
        for name, start in self._open:
            if name not in FOREIGN:
                return Spot(offset=offset, outside=start)
        return Spot(offset=offset, outside=offset)

    def run(self) -> bool:
        """Scan to the end or to what is never closed; False if there are too many tokens."""
        lowered = self._lowered
        for _ in range(MAX_TOKENS):
            found = _UNINTERESTING.match(lowered, self._position)
            at = self._position if found is None else found.end()
            if at >= len(lowered):
                at = len(lowered.rstrip(SPACE))
                self.scan.end = self.spot(at)
                return True
            end = self._token(at)
            if end < 0:
                self.scan.end = self.spot(at)
                return True
            self._position = end
        return False

    def _token(self, at: int) -> int:
        """Take in the token at *at*; return its end, or -1 if it has none."""
        lowered = self._lowered
        if lowered.startswith(b"{", at):
            return self._placeholder(at)
        if lowered.startswith(b"<!", at):
            return self._declaration(at)
        found = _TAG.match(lowered, at)
        if found is None:
            return -1
        name = found[2]
        if found[1]:
            self._end_tag(name, at)
            return found.end()
        return self._start_tag(name, at, found.end())

    def _placeholder(self, at: int) -> int:
        found = _PLACEHOLDER.match(self._lowered, at)
        if found is None:
            return at + 1
        if self.scan.placeholder_spot is None:
            self.scan.placeholder_spot = self.spot(at)
        self.scan.placeholders.append(found.span())
        return found.end()

    def _declaration(self, at: int) -> int:
        lowered = self._lowered
        if lowered.startswith(b"<!--", at):
            end = comment_end(lowered, at)
            if end >= 0:
                self.scan.opaque.append((at, end))
        elif lowered.startswith(b"<![cdata[", at) and self._is_foreign():
            end = lowered.find(b"]]>", at)
            end = end + 3 if end >= 0 else -1
        else:
            end = lowered.find(b">", at) + 1 or -1
        step = conditional_step(lowered, at, end) if end >= 0 else 0
        if step > 0:
            self._open.append((b"[if", at))
        elif step < 0:
            self._close(b"[if")
        return end

    def _is_foreign(self) -> bool:
        return any(name in FOREIGN for name, _ in self._open)

    def _close(self, name: bytes) -> None:
        """Close the innermost container with this name and all inside it."""
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == name:
                del self._open[index:]
                return

    def _end_tag(self, name: bytes, at: int) -> None:
        if name == b"body":
            self.scan.body_close = self.spot(at)
        else:
            self._close(name)

    def _start_tag(self, name: bytes, at: int, end: int) -> int:
        scan, lowered = self.scan, self._lowered
        if name == b"img":
            scan.images.append((at, end))
        elif name == b"body":
            if scan.body_open_end is None:
                scan.body_open_end = end
                # What was left open in the head ends with it.
                self._open.clear()
        elif name == b"frameset":
            scan.has_frameset = scan.has_frameset or scan.body_open_end is None
        elif name == b"plaintext":
            return -1
        elif lowered.startswith(b"/", end - 2) and (name in FOREIGN or self._is_foreign()):
            # Only there a slash closes an element.
            return end
        elif name in RAW_TEXT:
            return self._raw_text(name, at, end)
        else:
            self._enter(name, at)
        return end

    def _raw_text(self, name: bytes, at: int, end: int) -> int:
        close = raw_text_end(self._lowered, name, end)
        if close >= 0:
            self.scan.opaque.append((at, close))
        return close

    def _enter(self, name: bytes, at: int) -> None:
        if name == b"select":
            # A select in a select ends it (HTML standard 13.2.6.4.16).
            self._close(name)
        if len(self._open) < MAX_OPEN:
            self._open.append((name, at))


def scan_html(lowered: bytes) -> Scan | None:
    """Scan a whole text; None if it is more than we want to look at."""
    if len(lowered) > MAX_SCANNED_OCTETS:
        return None
    if lowered.count(b"<") + lowered.count(b"{") > MAX_STARTS:
        return None
    scanner = _Scanner(lowered)
    return scanner.scan if scanner.run() else None
