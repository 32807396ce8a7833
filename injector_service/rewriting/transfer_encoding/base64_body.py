"""Edits of text in base64 (RFC 2045 section 6.8), made in its encoded form."""

import sys
from collections.abc import Sequence
from typing import Final

from injector_service.rewriting.edit import MAX_LINE_OCTETS, Edit, applied, is_applied
from injector_service.rewriting.transfer_encoding.base64_reading import (
    MAX_BASE64_LINE_OCTETS,
    Base64Text,
    count_characters,
    decode_leniently,
    end_without_space,
    read_base64,
)
from injector_service.rewriting.transfer_encoding.base64_writing import Base64Slot, NewLines

# What a slot may keep of the text, which each copy writes anew.
_MAX_SLOT_OCTETS: Final = 1 << 16


class Base64Body:
    """A part's body in base64; *octets* is what it says.

    Only up to the padding: list servers append plain text after it, and that
    stays where it is.  *line_end* is that of the message, for a body of one line.
    """

    __slots__ = ("_end", "_line_end", "_raw", "_start", "_text", "octets")
    breaks_lines = True

    def __init__(
        self, raw: bytes, start: int = 0, end: int | None = None, *, line_end: bytes
    ) -> None:
        self._raw = raw
        self._start = start
        self._end = len(raw) if end is None else end
        self._line_end = line_end
        self._text: Base64Text = read_base64(raw, line_end, start, self._end)
        self.octets = self._text.octets

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Turn edits of *octets* into one of the message; None if it cannot be done exactly."""
        if self._text.is_damaged:
            return None
        # Groups of three octets before the first edit stay as they are.
        kept = edits[0].start // 3 * 3
        at = self._start_of(kept)
        if at is None:
            return None
        text = applied(self.octets, edits, start=kept)
        if len(text) % 3 == 0 and self._text.goes_on:
            # Only padding keeps a list server's text from being read as base64.
            text += b"\n"
            edits = [*edits, Edit(len(self.octets), len(self.octets), b"\n")]
        insert = self._lines_from(at).encoded(text)
        if decode_leniently(insert) != text:
            return None
        del text
        result = [Edit(start=at, end=self._text.resume, insert=insert)]
        return result if self._text.is_regular or self._is_read_so(edits, result) else None

    def slot(self, position: int) -> Base64Slot | None:
        """Return what puts text before octet *position*; None if all has to be judged anew."""
        kept = position // 3 * 3
        if (
            self._text.is_damaged
            or self._text.goes_on
            or not self._text.is_regular
            or len(self.octets) - kept > _MAX_SLOT_OCTETS
        ):
            return None
        at = self._start_of(kept)
        if at is None:
            return None
        return Base64Slot(
            start=at,
            end=self._text.resume,
            text_before=self.octets[kept:position],
            text_after=self.octets[position:],
            lines=self._lines_from(at),
        )

    def _is_read_so(self, edits: Sequence[Edit], result: Sequence[Edit]) -> bool:
        """Judge again what the text is, where it is a matter of judgement."""
        changed = applied(self._raw, result, start=self._start, end=self._end)
        again = read_base64(changed, self._line_end)
        return not again.is_damaged and is_applied(again.octets, self.octets, edits)

    def _start_of(self, kept: int) -> int | None:
        """Return where what comes after *kept* octets may be written anew."""
        at = self._locate(kept)
        if at is not None and at > self._start and self._raw.startswith(b"\r", at - 1):
            # Rule 3: not between CR and LF, nor after a CR that a line break would follow.
            at = end_without_space(self._raw, self._start, at)
        return at

    def _locate(self, kept: int) -> int | None:
        """Return the offset in the message of what comes after *kept* octets of the text."""
        characters = kept // 3 * 4
        if characters == self._text.characters:
            return self._text.end
        width, line_end = self._text.lines
        if width:
            lines, rest = divmod(characters, width)
            at = self._start + lines * (width + len(line_end)) + rest
            if self._is_at(at, characters, kept):
                return at
        at = self._bisected(characters)
        return at if self._is_at(at, characters, kept) else None

    def _is_at(self, at: int, characters: int, kept: int) -> bool:
        """Say whether exactly the text after *kept* octets is encoded from *at* on."""
        end = self._text.end
        if characters + count_characters(self._raw, at, end) != self._text.characters:
            return False
        return is_applied(decode_leniently(self._raw, at, end), self.octets, (), start=kept)

    def _bisected(self, characters: int) -> int:
        """Find the offset after *characters* characters of the alphabet: linear in all."""
        low, high, before = self._start, self._text.end, 0
        while high - low > 1:
            middle = (low + high) // 2
            count = count_characters(self._raw, low, middle)
            if before + count <= characters:
                low, before = middle, before + count
            else:
                high = middle
        return low

    def _lines_from(self, at: int) -> NewLines:
        """Return how what begins at *at* is broken into lines: as wide as the body's."""
        width, line_end = self._text.lines
        if self._raw.find(b"\n", self._start, self._text.end) < 0:
            if width > MAX_LINE_OCTETS:
                # One line that is too long anyhow stays one line.
                return NewLines(sys.maxsize, sys.maxsize, line_end)
            width = MAX_BASE64_LINE_OCTETS
        elif not 0 < width <= MAX_LINE_OCTETS:
            width = MAX_BASE64_LINE_OCTETS
        line_start = self._raw.rfind(b"\n", self._start, at) + 1 or self._start
        return NewLines(max(width - (at - line_start), 0), width, line_end)
