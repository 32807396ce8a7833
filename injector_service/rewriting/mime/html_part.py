"""Finds the HTML part that a mail client would show, as a span of octets.

The message is walked forward and never becomes a tree: what follows the
part that is shown, and cannot be shown instead, is not looked at, however large it is.
"""

from typing import Final, NamedTuple

from injector_service.rewriting.budget import SCANNED_OCTETS, Budget, TooComplexError
from injector_service.rewriting.mime.choice import Choice
from injector_service.rewriting.mime.content_type import (
    ContentType,
    first_token,
    parse_content_type,
)
from injector_service.rewriting.mime.header import Header, read_header
from injector_service.rewriting.mime.multiparts import OpenMultiparts
from injector_service.rewriting.outcome import Outcome

# Digests and bounces reach some hundred parts.
MAX_PARTS: Final = 1_000

# What one costs at least.
_PART_STEPS: Final = 10

# What describes a part is read up to this; the longest real value that was met has 14,286.
_MAX_VALUE_OCTETS: Final = 1 << 16

# What of a Content-Type is read in a step.
_VALUE_OCTETS: Final = 16


class HtmlPart(NamedTuple):
    """An HTML part: its body is ``raw[start:end]``, still transfer-encoded.

    *line_end* is that of its first line, or of the header before it.  *before* and
    *after* are what an empty body lacks around it: the blank line after the header, the
    line end that belongs to the next delimiter.
    """

    start: int
    end: int
    transfer_encoding: bytes
    charset: bytes
    line_end: bytes
    before: bytes = b""
    after: bytes = b""


def find_html_part(raw: bytes, header: Header, budget: Budget) -> HtmlPart | Outcome:
    """Return the HTML part that is shown and may be changed, or why there is none."""
    try:
        return _Walk(raw, budget).run(header)
    except TooComplexError:
        return Outcome.TOO_COMPLEX


def _refuse_long_values(header: Header) -> None:
    for name in (b"content-type", b"content-disposition", b"content-transfer-encoding"):
        if len(header.find(name) or b"") > _MAX_VALUE_OCTETS:
            raise TooComplexError


def line_end_of(raw: bytes, start: int, end: int) -> bytes:
    """Return the line end of ``raw[start:end]``: that of its first line, or the last one before."""
    at = raw.find(b"\n", start, end)
    if at < 0:
        at = raw.rfind(b"\n", 0, start)
    # A line end at the very start has nothing before it.
    if at <= 0:
        return b"\n"
    return b"\r\n" if raw.startswith(b"\r\n", at - 1) else b"\n"


class _Walk:
    """One walk over one message."""

    __slots__ = ("_budget", "_choice", "_multiparts", "_part", "_protection", "_raw")

    def __init__(self, raw: bytes, budget: Budget) -> None:
        self._raw = raw
        self._budget = budget
        self._multiparts = OpenMultiparts(raw, budget)
        self._choice = Choice(self._multiparts)
        self._part: HtmlPart | None = None
        self._protection: Outcome | None = None

    def run(self, header: Header) -> HtmlPart | Outcome:
        may_be_shown = True
        for _ in range(MAX_PARTS):
            value = header.find(b"content-type") if may_be_shown else None
            steps = _PART_STEPS + (header.body_start - header.start) // SCANNED_OCTETS
            if value is None:
                self._budget.spend(steps)
            else:
                self._budget.spend(steps + len(value) // _VALUE_OCTETS)
                if len(header) > _MAX_VALUE_OCTETS:
                    _refuse_long_values(header)
                self._judge(header, value)
            if self._part is not None and self._choice.is_settled():
                return self._part
            start = self._multiparts.next_part(header.body_start)
            if start is None:
                return self._part or self._protection or Outcome.NO_HTML_PART
            following = read_header(
                self._raw, start, len(self._raw), is_delimiter=self._multiparts.is_delimiter
            )
            if following is None:
                return Outcome.TOO_COMPLEX
            header = following
            may_be_shown = self._choice.begin_part(header)
        return Outcome.TOO_COMPLEX

    def _judge(self, header: Header, value: bytes) -> None:
        """Take the part that *header* begins if it is HTML; enter it if it is a multipart."""
        content_type = parse_content_type(value)
        if content_type is None:
            return
        if content_type.media_type == b"multipart":
            self._enter(content_type, header.body_start)
        elif content_type.media_type == b"application":
            self._note_protection(content_type)
        elif (
            content_type.media_type == b"text"
            and content_type.subtype == b"html"
            and first_token(header.find(b"content-disposition")) != b"attachment"
            and self._choice.prefers_this()
        ):
            self._part = self._html_part(header, content_type)

    def _html_part(self, header: Header, content_type: ContentType) -> HtmlPart:
        start = header.body_start
        delimiter_at, remaining = self._multiparts.next_delimiter(start)
        self._choice.take_this(remaining)
        end = self._before_line_end(delimiter_at, start) if delimiter_at >= 0 else len(self._raw)
        return HtmlPart(
            start=start,
            end=end,
            before=self._missing_before(header) if start == end else b"",
            after=self._line_end_before(start) if start == delimiter_at else b"",
            transfer_encoding=first_token(header.find(b"content-transfer-encoding")),
            charset=content_type.charset(),
            line_end=line_end_of(self._raw, start, end),
        )

    def _missing_before(self, header: Header) -> bytes:
        """Return what an empty body needs between itself and the header's last line."""
        line_end = self._line_end_before(header.body_start)
        if not self._raw.startswith(b"\n", header.body_start - 1):
            return line_end * 2
        return line_end if header.end == header.body_start else b""

    def _line_end_before(self, position: int) -> bytes:
        at = self._raw.rfind(b"\n", 0, position)
        return b"\r\n" if at > 0 and self._raw.startswith(b"\r", at - 1) else b"\n"

    def _before_line_end(self, delimiter_at: int, start: int) -> int:
        """Return the end of the text before a delimiter, which owns the line end before it."""
        for line_end in (b"\r\n", b"\n"):
            before = delimiter_at - len(line_end)
            if before >= start and self._raw.startswith(line_end, before):
                return before
        return delimiter_at

    def _note_protection(self, content_type: ContentType) -> None:
        if content_type.subtype in {b"pkcs7-mime", b"x-pkcs7-mime"}:
            kind = (content_type.parameter(b"smime-type") or b"").lower()
            self._protect(Outcome.SIGNED if kind == b"signed-data" else Outcome.ENCRYPTED)

    def _protect(self, outcome: Outcome) -> None:
        self._protection = self._protection or outcome

    def _enter(self, content_type: ContentType, body_start: int) -> None:
        """Go into a multipart whose parts may be looked at."""
        if content_type.subtype == b"signed":
            self._protect(Outcome.SIGNED)
        elif content_type.subtype == b"encrypted":
            self._protect(Outcome.ENCRYPTED)
        # RFC 6522: a report is the mail system's own message, with the original inside.
        elif content_type.subtype != b"report":
            boundary = content_type.parameter(b"boundary")
            if boundary:
                self._multiparts.enter(boundary, body_start)
                self._choice.enter(content_type)
