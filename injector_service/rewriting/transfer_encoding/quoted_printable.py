"""Edits of text in quoted-printable (RFC 2045 section 6.7), made in its encoded form."""

import binascii
import re
from collections.abc import Sequence
from typing import Final

from injector_service.rewriting.edit import Edit, applied

# RFC 2045 section 6.7 rule 5: with the "=" of a soft break, without the line end.
MAX_ENCODED_LINE_OCTETS: Final = 76

# Below this a position is found token by token, above it by halving.
_SMALL: Final = 32

# More than an escape and a soft break with its line end: within so many octets of any
# offset another token begins.
_LEAST_WINDOW: Final = 256

# Soft breaks with white space after the "=", added in transport.
_PADDED_BREAK: Final = re.compile(rb"=[ \t]++(?=\r?\n)")

# What, besides "=", does not stand for itself (RFC 2045 section 6.7 rules 1 and 2).
_NOT_LITERAL: Final = re.compile(rb"[^ -~]")

# With more of them the body is not quoted-printable, and "=" stands for itself.
_MAX_PADDED: Final = 100_000

_TOKEN: Final = re.compile(rb"=[0-9A-Fa-f]{2}|=[ \t]*+\r?\n|[^=]|=")


def decode(encoded: bytes) -> bytes:
    """Decode as mail clients do: whatever is not quoted-printable stands for itself."""
    if _may_have_padded_break(encoded) and (
        encoded.count(b"= ") + encoded.count(b"=\t") <= _MAX_PADDED
    ):
        encoded = _PADDED_BREAK.sub(b"=", encoded)
    return binascii.a2b_qp(encoded)


def _may_have_padded_break(encoded: bytes) -> bool:
    # From the end CPython searches twice as fast, for one octet thirty times; mostly
    # there is none.
    return encoded.rfind(b"= ") >= 0 or (b"\t" in encoded and encoded.rfind(b"=\t") >= 0)


class QuotedPrintableBody:
    """A part's body in quoted-printable; *octets* is what it says."""

    __slots__ = ("_encoded", "_line", "_line_end", "octets")
    breaks_lines = True

    def __init__(self, encoded: bytes, *, line_end: bytes) -> None:
        self._encoded = encoded
        # The line looked at last: edits may be many, and lines long.
        self._line = (-1, -1, -1)
        self._line_end = line_end
        self.octets = decode(encoded)

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Turn edits of *octets* into edits of the body; None if that cannot be done exactly."""
        start, end, insert = edits[0]
        at = self._locate(start)
        if len(edits) == 1 and start == end:
            result = [self._folded(insert, at, at)]
        else:
            places = _Places(self._encoded, self.octets, offset=at, position=start)
            result = [
                self._folded(edit.insert, places.locate(edit.start), places.locate(edit.end))
                for edit in edits
            ]
        return result if self._is_exact(edits, result) else None

    def _is_exact(self, edits: Sequence[Edit], encoded_edits: Sequence[Edit]) -> bool:
        """Say whether decoding the changed lines gives the changed text.

        Lines above the first edit are the same octets as before.
        """
        line = self._encoded.rfind(b"\n", 0, encoded_edits[0].start) + 1
        tail = self._encoded[line:]
        kept = len(self.octets) - len(decode(tail))
        if kept > edits[0].start:
            return False
        changed = decode(applied(tail, encoded_edits, start=line))
        return changed == applied(self.octets[kept:], edits, start=kept)

    def _locate(self, position: int) -> int:
        """Return the offset in the body of the token that gives octet *position*."""
        encoded, octets = self._encoded, self.octets
        # Usually what is there is written as itself, close to the end.
        literal = octets[position : position + 6]
        if len(literal) == 6:  # noqa: PLR2004 - the slice above, uncut
            at = encoded.rfind(literal)
            if (
                at >= 0
                and not _is_inside_token(encoded, at)
                and decode(encoded[at:]) == octets[position:]
            ):
                return at
        return _Places(encoded, octets).locate(position)

    def _folded(self, text: bytes, start: int, end: int) -> Edit:
        """Encode *text* in place of ``[start, end)``; no line becomes longer than allowed."""
        encoded = self._encoded
        line_start, text_end, _ = self._line_at(start)
        if end > start:
            _, text_end, _ = self._line_at(end)
        column, rest = start - line_start, max(text_end - end, 0)
        before = b""
        if text and rest == 0 and column >= MAX_ENCODED_LINE_OCTETS:
            # A full line has no room for a soft break: its last token goes over it.
            token = 3 if encoded.startswith(b"=", start - 3) else 1
            before = b"=" + self._line_end + encoded[start - token : start]
            start, column = start - token, token
        return Edit(
            start=start,
            end=end,
            insert=before + fold(text, column=column, rest=rest, line_end=self._line_end),
        )

    def _line_at(self, offset: int) -> tuple[int, int, int]:
        """Return where the line at *offset* begins, and ends without and with its line end."""
        if not self._line[0] <= offset <= self._line[2]:
            start = self._encoded.rfind(b"\n", 0, offset) + 1
            end = self._encoded.find(b"\n", offset)
            end = end if end >= 0 else len(self._encoded)
            self._line = start, start + len(self._encoded[start:end].rstrip(b"\r")), end
        return self._line


class _Places:
    """Finds, one after the other, the tokens that give octets: linear in all, however many.

    *offset* is where the token begins that gives octet *position*.
    """

    __slots__ = ("_encoded", "_octets", "_offset", "_position")

    def __init__(
        self, encoded: bytes, octets: bytes, *, offset: int = 0, position: int = 0
    ) -> None:
        self._encoded = encoded
        self._octets = octets
        self._offset = offset
        self._position = position

    def locate(self, position: int) -> int:
        """Return the offset of the token that gives octet *position*, not before the last one."""
        literal = self._octets[self._position : position]
        if b"=" not in literal and self._encoded.startswith(literal, self._offset):
            self._offset += len(literal)
        else:
            self._offset = self._found(position)
        self._position = position
        return self._offset

    def _found(self, position: int) -> int:
        """Find *position* by decoding pieces up to it, then halves of the last piece."""
        encoded, low, low_position = self._encoded, self._offset, self._position
        while True:
            high = low + max(position - low_position, _LEAST_WINDOW)
            if high >= len(encoded):
                high = len(encoded)
                break
            high = self._token_start(high, low)
            reached = low_position + len(decode(encoded[low:high]))
            if reached > position:
                break
            low, low_position = high, reached
        while high - low > _SMALL:
            middle = self._token_start((low + high) // 2, low)
            if middle <= low:
                break
            reached = low_position + len(decode(encoded[low:middle]))
            if reached <= position:
                low, low_position = middle, reached
            else:
                high = middle
        for token in _TOKEN.finditer(encoded, low):
            if low_position >= position:
                return token.start()
            text = token[0]
            low_position += 0 if text[:1] == b"=" and text[-1:] == b"\n" else 1
        return len(encoded)

    def _token_start(self, at: int, low: int) -> int:
        """Return an offset near *at*, not before *low*, that is inside no escape or soft break."""
        line = self._encoded.rfind(b"\n", max(low, at - MAX_ENCODED_LINE_OCTETS - 2), at) + 1
        if line > low:
            return line
        escape = self._encoded.rfind(b"=", max(at - 3, low), at)
        return escape if escape >= 0 else at


def _is_inside_token(encoded: bytes, at: int) -> bool:
    """Say whether the octet at *at* may belong to an escape, a soft break or a CRLF (rule 2).

    What an escape says may be in it once more: "3" in "=33", a line end in "=0A=" + CRLF.
    """
    before = encoded[max(at - 2, 0) : at]
    if encoded.startswith((b"\r", b"\n"), at):
        return before.endswith((b"=", b" ", b"\t", b"\r"))
    return b"=" in before and before != b"=\n"


def fold(text: bytes, *, column: int, rest: int, line_end: bytes) -> bytes:
    """Encode *text* that begins at *column* and is followed by *rest* octets of its line.

    The existing octets around it keep their lines; soft breaks are ours.
    """
    text = text.replace(b"=", b"=3D")
    if _NOT_LITERAL.search(text) is not None:
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
