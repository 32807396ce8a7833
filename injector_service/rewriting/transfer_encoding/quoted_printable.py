"""Edits of text in quoted-printable (RFC 2045 section 6.7), made in its encoded form."""

import re
from collections.abc import Sequence
from typing import Final

from injector_service.rewriting.edit import Edit, applied, is_applied
from injector_service.rewriting.transfer_encoding.quoted_printable_reading import (
    decode,
    may_be_padded,
)
from injector_service.rewriting.transfer_encoding.quoted_printable_writing import (
    MAX_ENCODED_LINE_OCTETS,
    QuotedPrintableSlot,
    fold,
)

# Below this a position is found token by token, above it by halving.
_SMALL: Final = 32

# More than an escape and a soft break with its line end: within so many octets of any
# offset another token begins.
_LEAST_WINDOW: Final = 256

# Of a longer line a slot would have to keep much, and decode it each time.
_MAX_SLOT_OCTETS: Final = 1_000

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

    def slot(self, position: int) -> QuotedPrintableSlot | None:
        """Return what puts text before octet *position*; None if that changes more than a line."""
        raw, end = self._raw, self._end
        at = self._locate(position)
        line, text_end, _ = self._line_at(at)
        stop = raw.find(b"\n", at, end) + 1 or end
        if (
            stop - line > _MAX_SLOT_OCTETS
            or at - line >= MAX_ENCODED_LINE_OCTETS
            or may_be_padded(raw, line, end)
        ):
            return None
        kept = self._kept_above(line)
        said = decode(raw, line, stop)
        if not kept <= position <= kept + len(said) or not self.octets.startswith(said, kept):
            return None
        return QuotedPrintableSlot(
            start=at,
            end=at,
            before=raw[line:at],
            after=raw[at:stop],
            text_before=self.octets[kept:position],
            text_after=self.octets[position : kept + len(said)],
            column=at - line,
            rest=max(text_end - at, 0),
            line_end=self._line_end,
        )

    def _is_exact(self, edits: Sequence[Edit], encoded_edits: Sequence[Edit]) -> bool:
        """Say whether decoding the changed lines gives the changed text.

        Lines above the first edit are the same octets as before.
        """
        raw, end = self._raw, self._end
        line = raw.rfind(b"\n", self._start, encoded_edits[0].start) + 1 or self._start
        kept = self._kept_above(line)
        if kept > edits[0].start:
            return False
        changed = decode(applied(raw, encoded_edits, start=line, end=end))
        return is_applied(changed, self.octets, edits, start=kept)

    def _kept_above(self, line: int) -> int:
        """Return how many octets are said by what is above the line that begins at *line*."""
        if self._kept[0] != line:
            self._kept = (line, len(self.octets) - len(decode(self._raw, line, self._end)))
        return self._kept[1]

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
