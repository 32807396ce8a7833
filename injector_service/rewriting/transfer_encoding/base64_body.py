"""Edits of text in base64 (RFC 2045 section 6.8), made in its encoded form."""

from collections.abc import Sequence

import pybase64

from injector_service.rewriting.edit import MAX_LINE_OCTETS, Edit, applied
from injector_service.rewriting.transfer_encoding.base64_reading import (
    MAX_BASE64_LINE_OCTETS,
    Base64Text,
    count_characters,
    decode_leniently,
    read_base64,
)


class Base64Body:
    """A part's body in base64; *octets* is what it says.

    Only up to the padding: list servers append plain text after it, and that
    stays where it is.  *line_end* is that of the message, for a body of one line.
    """

    __slots__ = ("_encoded", "_line_end", "_text", "octets")
    breaks_lines = True

    def __init__(self, encoded: bytes, *, line_end: bytes) -> None:
        self._encoded = encoded
        self._line_end = line_end
        self._text: Base64Text = read_base64(encoded, line_end)
        self.octets = self._text.octets

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Turn edits of *octets* into one edit of the body; None if that cannot be done exactly."""
        if self._text.is_damaged:
            return None
        # Groups of three octets before the first edit stay as they are.
        kept, characters = edits[0].start // 3 * 3, edits[0].start // 3 * 4
        at = self._locate(characters, kept)
        if at is None:
            return None
        if self._encoded[at - 1 : at] == b"\r":
            # Rule 3: not between CR and LF, nor after a CR that a line break would follow.
            at = len(self._encoded[:at].rstrip())
        text = applied(self.octets[kept:], edits, start=kept)
        if len(text) % 3 == 0 and self._text.goes_on:
            # Only padding keeps a list server's text from being read as base64.
            text += b"\n"
        insert = self._wrapped(pybase64.b64encode(text), at)
        if decode_leniently(insert) != text:
            return None
        result = [Edit(start=at, end=self._text.resume, insert=insert)]
        if not self._text.is_regular:
            # Where it is a matter of judgement what the text is, judge again.
            again = read_base64(applied(self._encoded, result), self._line_end)
            if again.is_damaged or again.octets != self.octets[:kept] + text:
                return None
        return result

    def _locate(self, characters: int, kept: int) -> int | None:
        """Return the offset in the body of what comes after *characters* and *kept* octets."""
        if characters == self._text.characters:
            return self._text.end
        width, line_end = self._text.lines
        if width:
            lines, rest = divmod(characters, width)
            at = lines * (width + len(line_end)) + rest
            if self._is_at(at, characters, kept):
                return at
        at = self._bisected(characters)
        return at if self._is_at(at, characters, kept) else None

    def _is_at(self, at: int, characters: int, kept: int) -> bool:
        """Say whether exactly the text after *kept* octets is encoded from *at* on."""
        rest = self._encoded[at : self._text.end]
        return (
            characters + count_characters(rest) == self._text.characters
            and decode_leniently(rest) == self.octets[kept:]
        )

    def _bisected(self, characters: int) -> int:
        """Find the offset after *characters* characters of the alphabet: linear in all."""
        low, high, before = 0, self._text.end, 0
        while high - low > 1:
            middle = (low + high) // 2
            count = count_characters(self._encoded[low:middle])
            if before + count <= characters:
                low, before = middle, before + count
            else:
                high = middle
        return low

    def _wrapped(self, characters: bytes, at: int) -> bytes:
        """Break the new tail, which begins at *at*, into lines as wide as the body's."""
        width, line_end = self._text.lines
        if self._encoded.find(b"\n", 0, self._text.end) < 0:
            if width > MAX_LINE_OCTETS:
                # One line that is too long anyhow stays one line.
                return characters
            width = MAX_BASE64_LINE_OCTETS
        elif not 0 < width <= MAX_LINE_OCTETS:
            width = MAX_BASE64_LINE_OCTETS
        column = at - (self._encoded.rfind(b"\n", 0, at) + 1)
        room = max(width - column, 0)
        lines = [characters[:room]]
        lines += [characters[i : i + width] for i in range(room, len(characters), width)]
        return line_end.join(lines)
