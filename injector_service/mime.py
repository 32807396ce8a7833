"""Finds the HTML part that a mail client would show, as a span of octets.

The message is walked forward and never becomes a tree: what stands behind the
first HTML part is not looked at, however large it is.
"""

import dataclasses
from typing import Final

from injector_service.content_type import ContentType, first_token, parse_content_type
from injector_service.header import Header, read_header
from injector_service.outcome import Outcome

# Of 953 real messages, many of them made to be difficult, none nests deeper
# than 4.  Each level may cost a pass over the message.
MAX_DEPTH: Final = 10

# Digests and bounces reach some hundred parts.
MAX_PARTS: Final = 1_000

# Lines that begin like a delimiter and are none: boundaries that are prefixes
# of each other, or quoted mail.  Each costs a step of Python.
MAX_LOOKALIKES: Final = 20_000

# RFC 2046 allows white space behind a boundary ("transport padding") and no
# line of mail is longer than this.
_MAX_PADDING: Final = 1_000

# Where one hyphen is, others are: so far they are not looked at one by one.
_HYPHEN_WINDOW: Final = 1 << 14

# How far to look for one boundary before looking for the others: a part ends
# at whichever delimiter comes first, and the outer one may be megabytes away.
_FIRST_WINDOW: Final = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPart:
    """The first HTML part: its body is ``raw[start:end]``, still transfer-encoded.

    *before* and *after* are what an empty body lacks around it: the blank line
    behind the header, the line end that belongs to the next delimiter.
    """

    start: int
    end: int
    transfer_encoding: bytes
    charset: bytes
    before: bytes = b""
    after: bytes = b""


class _TooComplexError(Exception):
    """A limit of this module was exceeded."""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Multipart:
    """A multipart that the walk is in."""

    delimiter: bytes
    # Offset of the next delimiter, or -1 where none begins before *searched_to*.
    next_at: int = -1
    searched_to: int = 0


def find_html_part(raw: bytes, header: Header) -> HtmlPart | Outcome:
    """Return the first HTML part that may be changed, or why there is none."""
    try:
        return _Walk(raw).run(header)
    except _TooComplexError:
        return Outcome.TOO_COMPLEX


class _Walk:
    """One walk over one message."""

    __slots__ = ("_lookalikes", "_open", "_protection", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._open: list[_Multipart] = []
        self._protection: Outcome | None = None
        self._lookalikes = 0

    def run(self, header: Header) -> HtmlPart | Outcome:
        for _ in range(MAX_PARTS):
            part = self._judge(header)
            if part is not None:
                return part
            start = self._next_part(header.body_start)
            if start is None:
                return self._protection or Outcome.NO_HTML_PART
            following = read_header(self._raw, start, len(self._raw))
            if following is None:
                return Outcome.TOO_COMPLEX
            header = following
        return Outcome.TOO_COMPLEX

    def _judge(self, header: Header) -> HtmlPart | None:
        """Return the HTML part that *header* begins; enter it if it is a multipart."""
        value = header.find(b"content-type")
        content_type = None if value is None else parse_content_type(value)
        if content_type is None:
            return None
        if content_type.media_type == b"multipart":
            self._enter(content_type, header.body_start)
        elif content_type.media_type == b"application":
            self._note_protection(content_type)
        elif (
            content_type.media_type == b"text"
            and content_type.subtype == b"html"
            and first_token(header.find(b"content-disposition")) != b"attachment"
        ):
            return self._html_part(header, content_type)
        return None

    def _html_part(self, header: Header, content_type: ContentType) -> HtmlPart:
        start = header.body_start
        delimiter_at = self._next_delimiter(start)[0] if self._open else -1
        end = self._before_line_end(delimiter_at, start) if delimiter_at >= 0 else len(self._raw)
        return HtmlPart(
            start=start,
            end=end,
            before=self._missing_before(header) if start == end else b"",
            after=self._line_end_before(start) if start == delimiter_at else b"",
            transfer_encoding=first_token(header.find(b"content-transfer-encoding")),
            charset=(content_type.parameter(b"charset") or b"").strip().lower(),
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
            if not boundary:
                return
            if len(self._open) == MAX_DEPTH:
                raise _TooComplexError
            self._open.append(
                _Multipart(
                    # RFC 2046 section 5.1.1: a boundary does not end with white space.
                    delimiter=b"--" + boundary.rstrip(),
                    searched_to=body_start,
                )
            )

    def _next_part(self, position: int) -> int | None:
        """Return where the next part's header begins, or None behind the last part."""
        while self._open:
            at, level = self._next_delimiter(position)
            if at < 0:
                return None
            # RFC 2046 section 5.1.2: an outer delimiter ends all multiparts inside.
            del self._open[level + 1 :]
            multipart = self._open[level]
            after = at + len(multipart.delimiter)
            is_last = self._raw.startswith(b"--", after)
            line_end = self._raw.find(b"\n", after)
            position = len(self._raw) if line_end < 0 else line_end + 1
            multipart.next_at = -1
            multipart.searched_to = position
            if not is_last:
                return position
            self._open.pop()
        return None

    def _next_delimiter(self, position: int) -> tuple[int, int]:
        """Return offset and level of the first delimiter at or behind *position*, or (-1, 0)."""
        size = len(self._raw)
        window = _FIRST_WINDOW if len(self._open) > 1 else size
        begin = position
        while True:
            limit = min(size, begin + window)
            best, best_level = -1, 0
            for level, multipart in enumerate(self._open):
                at = self._search(multipart, position, limit if best < 0 else best)
                if at >= 0 and (best < 0 or at < best):
                    best, best_level = at, level
            if best >= 0 or limit >= size:
                return best, best_level
            begin, window = limit, window * 4

    def _search(self, multipart: _Multipart, position: int, limit: int) -> int:
        """Return the offset of the next delimiter line that begins before *limit*, or -1.

        What was searched before is not searched again, so that each level
        costs one pass over the message at most.
        """
        if multipart.next_at >= position:
            return multipart.next_at if multipart.next_at < limit else -1
        raw, delimiter = self._raw, multipart.delimiter
        begin = max(position, multipart.searched_to)
        stop = limit + len(delimiter) - 1
        at = _find(raw, delimiter, begin, stop)
        while at >= 0:
            if self._is_delimiter_line(at, at + len(delimiter)):
                multipart.next_at = at
                return at
            at = _find(raw, delimiter, at + 1, stop)
        multipart.searched_to = max(begin, limit)
        return -1

    def _is_delimiter_line(self, at: int, after: int) -> bool:
        raw = self._raw
        if at == 0 or raw.startswith(b"\n", at - 1):
            if raw.startswith(b"--", after):
                after += 2
            # The usual line end first; else white space up to it (RFC 2046 section 5.1.1).
            if raw.startswith((b"\r\n", b"\n"), after) or after >= len(raw):
                return True
            line_end = raw.find(b"\n", after, after + _MAX_PADDING)
            rest = raw[after : line_end if line_end >= 0 else after + _MAX_PADDING]
            if not rest.strip(b" \t\r") and (line_end >= 0 or after + len(rest) >= len(raw)):
                return True
        self._lookalikes += 1
        if self._lookalikes > MAX_LOOKALIKES:
            raise _TooComplexError
        return False


def _find(raw: bytes, delimiter: bytes, begin: int, stop: int) -> int:
    """Do what ``raw.find(delimiter, begin, stop)`` does, faster where there are no hyphens.

    Base64 has none, and for one octet CPython uses memchr: twice as fast.
    """
    # Wider than the delimiter, or the search would not get on.
    window = max(_HYPHEN_WINDOW, 2 * len(delimiter))
    while True:
        hyphen = raw.find(b"-", begin, stop)
        if hyphen < 0 or raw.startswith(delimiter, hyphen, stop):
            return hyphen
        end = min(hyphen + window, stop)
        at = raw.find(delimiter, hyphen, end)
        if at >= 0 or end == stop:
            return at
        begin = end - len(delimiter) + 1
