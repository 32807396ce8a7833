"""Edits of text in quoted-printable (RFC 2045 section 6.7), made in its encoded form."""

import re
from collections.abc import Sequence
from typing import Final

from injector_service.rewriting.edit import Edit, applied, is_applied
from injector_service.rewriting.transfer_encoding.quoted_printable_reading import decode

# RFC 2045 section 6.7 rule 5: with the "=" of a soft break, without the line end.
MAX_ENCODED_LINE_OCTETS: Final = 76

# Below this a position is found token by token, above it by halving.
_SMALL: Final = 32

# More than an escape and a soft break with its line end: within so many octets of any
# offset another token begins.
_LEAST_WINDOW: Final = 256

# What, besides "=", does not stand for itself (RFC 2045 section 6.7 rules 1 and 2).
_NOT_LITERAL: Final = re.compile(rb"[^ -~]")
_LITERAL: Final = bytes(range(0x20, 0x7F))

_TOKEN: Final = re.compile(rb"=[0-9A-Fa-f]{2}|=[ \t]*+\r?\n|[^=]|=")


class QuotedPrintableBody:
    """A part's body in quoted-printable; *octets* is what it says."""

    __slots__ = ("_end", "_kept", "_line", "_line_end", "_place", "_raw", "_start", "octets")
    breaks_lines = True

    def __init__(
        self, raw: bytes, start: int = 0, end: int | None = None, *, line_end: bytes
    ) -> None:
        self._raw = raw
        self._start = start
        self._end = len(raw) if end is None else end
        # The line looked at last: edits may be many, and lines long.
        self._line = (-1, -1, -1)
        # What was found out last: copies of a message are edited at the same place.
        self._place = (-1, -1)
        self._kept = (-1, -1)
        self._line_end = line_end
        self.octets = decode(raw, start, self._end)

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Turn edits of *octets* into edits of the message; None if it cannot be done exactly."""
        start, end, insert = edits[0]
        at = self._locate(start)
        if len(edits) == 1 and start == end:
            result = [self._folded(insert, at, at)]
        else:
            places = _Places(self._raw, self._end, self.octets, offset=at, position=start)
            result = [
                self._folded(edit.insert, places.locate(edit.start), places.locate(edit.end))
                for edit in edits
            ]
        return result if self._is_exact(edits, result) else None

    def _is_exact(self, edits: Sequence[Edit], encoded_edits: Sequence[Edit]) -> bool:
        """Say whether decoding the changed lines gives the changed text.

        Lines above the first edit are the same octets as before.
        """
        raw, end = self._raw, self._end
        line = raw.rfind(b"\n", self._start, encoded_edits[0].start) + 1 or self._start
        if self._kept[0] != line:
            self._kept = (line, len(self.octets) - len(decode(raw, line, end)))
        kept = self._kept[1]
        if kept > edits[0].start:
            return False
        changed = decode(applied(raw, encoded_edits, start=line, end=end))
        return is_applied(changed, self.octets, edits, start=kept)

    def _locate(self, position: int) -> int:
        """Return the offset in the body of the token that gives octet *position*."""
        if self._place[0] != position:
            self._place = (position, self._located(position))
        return self._place[1]

    def _located(self, position: int) -> int:
        raw, octets = self._raw, self.octets
        # Usually what is there is written as itself, close to the end.
        literal = octets[position : position + 6]
        if len(literal) == 6:  # noqa: PLR2004 - the slice above, uncut
            at = raw.rfind(literal, self._start, self._end)
            if at >= 0 and not _is_inside_token(raw, at, self._start):
                tail = decode(raw, at, self._end)
                if len(tail) == len(octets) - position and octets.endswith(tail):
                    return at
        return _Places(raw, self._end, octets, offset=self._start).locate(position)

    def _folded(self, text: bytes, start: int, end: int) -> Edit:
        """Encode *text* in place of ``[start, end)``; no line becomes longer than allowed."""
        line_start, text_end, _ = self._line_at(start)
        if end > start:
            _, text_end, _ = self._line_at(end)
        column, rest = start - line_start, max(text_end - end, 0)
        before = b""
        if text and rest == 0 and column >= MAX_ENCODED_LINE_OCTETS:
            # A full line has no room for a soft break: its last token goes over it.
            token = 3 if self._raw.startswith(b"=", start - 3) else 1
            before = b"=" + self._line_end + self._raw[start - token : start]
            start, column = start - token, token
        return Edit(
            start=start,
            end=end,
            insert=before + fold(text, column=column, rest=rest, line_end=self._line_end),
        )

    def _line_at(self, offset: int) -> tuple[int, int, int]:
        """Return where the line at *offset* begins, and ends without and with its line end."""
        if not self._line[0] <= offset <= self._line[2]:
            start = self._raw.rfind(b"\n", self._start, offset) + 1 or self._start
            end = self._raw.find(b"\n", offset, self._end)
            end = end if end >= 0 else self._end
            self._line = start, start + len(self._raw[start:end].rstrip(b"\r")), end
        return self._line


class _Places:
    """Finds, one after the other, the tokens that give octets: linear in all, however many.

    *offset* is where the token begins that gives octet *position*.
    """

    __slots__ = ("_end", "_octets", "_offset", "_position", "_raw")

    def __init__(
        self, raw: bytes, end: int, octets: bytes, *, offset: int, position: int = 0
    ) -> None:
        self._raw = raw
        self._end = end
        self._octets = octets
        self._offset = offset
        self._position = position

    def locate(self, position: int) -> int:
        """Return the offset of the token that gives octet *position*, not before the last one."""
        literal = self._octets[self._position : position]
        if b"=" not in literal and self._raw.startswith(literal, self._offset, self._end):
            self._offset += len(literal)
        else:
            self._offset = self._found(position)
        self._position = position
        return self._offset

    def _found(self, position: int) -> int:
        """Find *position* by decoding pieces up to it, then halves of the last piece."""
        raw, low, low_position = self._raw, self._offset, self._position
        while True:
            high = low + max(position - low_position, _LEAST_WINDOW)
            if high >= self._end:
                high = self._end
                break
            high = self._token_start(high, low)
            reached = low_position + len(decode(raw, low, high))
            if reached > position:
                break
            low, low_position = high, reached
        while high - low > _SMALL:
            middle = self._token_start((low + high) // 2, low)
            if middle <= low:
                break
            reached = low_position + len(decode(raw, low, middle))
            if reached <= position:
                low, low_position = middle, reached
            else:
                high = middle
        for token in _TOKEN.finditer(raw, low, self._end):
            if low_position >= position:
                return token.start()
            text = token[0]
            low_position += 0 if text[:1] == b"=" and text[-1:] == b"\n" else 1
        return self._end

    def _token_start(self, at: int, low: int) -> int:
        """Return an offset near *at*, not before *low*, that is inside no escape or soft break."""
        line = self._raw.rfind(b"\n", max(low, at - MAX_ENCODED_LINE_OCTETS - 2), at) + 1
        if line > low:
            return line
        escape = self._raw.rfind(b"=", max(at - 3, low), at)
        return escape if escape >= 0 else at


def _is_inside_token(raw: bytes, at: int, start: int) -> bool:
    """Say whether the octet at *at* may belong to an escape, a soft break or a CRLF (rule 2).

    What an escape says may be in it once more: "3" in "=33", a line end in "=0A=" + CRLF.
    """
    before = raw[max(at - 2, start) : at]
    if raw.startswith((b"\r", b"\n"), at):
        return before.endswith((b"=", b" ", b"\t", b"\r"))
    return b"=" in before and before != b"=\n"


def fold(text: bytes, *, column: int, rest: int, line_end: bytes) -> bytes:
    """Encode *text* that begins at *column* and is followed by *rest* octets of its line.

    The existing octets around it keep their lines; soft breaks are ours.
    """
    text = text.replace(b"=", b"=3D")
    # Mostly there is nothing else, and that is seen four times as fast as by the pattern.
    if text.translate(None, _LITERAL):
        text = _NOT_LITERAL.sub(lambda found: b"=%02X" % found[0][0], text)
    if column + len(text) + rest <= MAX_ENCODED_LINE_OCTETS:
        return text
    lines = []
    room = MAX_ENCODED_LINE_OCTETS - 1 - column
    cut = max(room, 0)
    while len(text) > (room if rest else room + 1):
        escape = text.rfind(b"=", 0, cut)
        if 0 <= escape >= cut - 2:
            cut = escape
        lines.append(text[:cut])
        text = text[cut:]
        # RFC 5321 section 4.5.2: a leading dot is doubled in transport, and
        # servers that forget to undo it are known.
        if text[:1] == b".":
            text = b"=2E" + text[1:]
        room = cut = MAX_ENCODED_LINE_OCTETS - 1
    lines.append(text)
    used = len(text) + (column if len(lines) == 1 else 0)
    if rest and used + rest > MAX_ENCODED_LINE_OCTETS:
        lines.append(b"")
    return (b"=" + line_end).join(lines)
