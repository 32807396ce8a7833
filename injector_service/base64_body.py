"""Edits of text in base64 (RFC 2045 section 6.8), made in its encoded form."""

import binascii
import re
from collections.abc import Sequence
from typing import Final

import pybase64

from injector_service.edit import Edit, applied

# RFC 2045 section 6.8.
MAX_LINE_OCTETS: Final = 76

# RFC 5322 section 2.1.1, without the line end.
_MAX_TRANSPORT_OCTETS: Final = 998

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_ALPHABET: Final = bytes(set(range(256)) - set(_ALPHABET))

# Damaged lines that are passed over in the search for a text behind them.
_MAX_DAMAGES: Final = 1_000

# What no encoder writes: the first sign of text behind the base64.
_FOREIGN: Final = re.compile(rb"[^A-Za-z0-9+/=\s]")
_PROSE: Final = re.compile(rb"[^\n]*[ \t][^\n]*|[^A-Za-z0-9+/\n]*(?![^\n])")
# In what a list server appends, no word is so long.  Either half of a line of 76
# octets with one foreign octet in it may be.
_LONG_WORD: Final = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{38}")
_PADDING: Final = re.compile(rb"\s*+=(?:\s*+=)?")


class Base64Body:
    """A part's body in base64; *octets* is what it says.

    Only up to the padding: list servers append plain text behind it, and that
    stays where it is.
    """

    __slots__ = (
        "_characters",
        "_encoded",
        "_end",
        "_goes_on",
        "_is_damaged",
        "_is_regular",
        "_line_end",
        "_resume",
        "_width",
        "octets",
    )
    breaks_lines = True

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        padding = encoded.find(b"=")
        self._end = _end_of_text(encoded, padding if padding >= 0 else len(encoded))
        self._measure_lines()
        self._characters = 0
        octets = self._decoded_regular()
        self._is_regular = octets is not None
        self._is_damaged = False
        if octets is None:
            readable, readable_end = self._readable_characters(), self._end
            self._end = _end_of_text(encoded, self._end_before_text())
            octets = decode_leniently(encoded[: self._end])
            self._characters = len(encoded[: self._end].translate(None, _NOT_ALPHABET))
            # A list server's text is short beside the letter.  Where most of what a
            # decoder would read stands behind the first foreign octet, that octet is
            # damage, and padding before it would hide the letter.
            # So it is where base64 follows it.
            self._is_damaged = (
                self._characters <= readable - self._characters
                or _LONG_WORD.search(encoded, self._end, readable_end) is not None
            )
        self.octets = octets
        # Behind the padding, if there is one, the body goes on as it was.
        found = _PADDING.match(encoded, self._end)
        self._resume = self._end if found is None else found.end()
        self._goes_on = bool(encoded[self._resume :].translate(None, _NOT_ALPHABET))
        if self._goes_on and found is not None:
            self._is_damaged |= not _is_padding(found[0], self._characters)

    def _readable_characters(self) -> int:
        """Return how many characters a decoder reads that passes over what it does not know."""
        characters = len(self._encoded[: self._end].translate(None, _NOT_ALPHABET))
        found = _PADDING.match(self._encoded, self._end)
        if found is None or _is_padding(found[0], characters):
            return characters
        return len(self._encoded.translate(None, _NOT_ALPHABET))

    def _measure_lines(self) -> None:
        """Take the first line for all: 99 of 100 bodies are regular."""
        first = self._encoded.find(b"\n", 0, self._end)
        if first < 0:
            self._width = self._end
            self._line_end = b"\r\n" if b"\r\n" in self._encoded else b"\n"
        else:
            self._line_end = b"\r\n" if self._encoded.startswith(b"\r\n", first - 1) else b"\n"
            self._width = first + 1 - len(self._line_end)

    def _decoded_regular(self) -> bytes | None:
        """Decode lines of equal width and nothing else; None if it is not that."""
        lines, rest = divmod(self._end, self._width + len(self._line_end))
        characters = lines * self._width + rest
        self._characters = characters
        try:
            octets = pybase64.b64decode(self._encoded[: self._end] + b"=" * (-characters % 4))
        except binascii.Error:
            return None
        # As many octets as that many characters give: then no character was skipped.
        # (With a lone last character one might be.)
        return octets if len(octets) == characters * 3 // 4 and characters % 4 != 1 else None

    def _end_before_text(self) -> int:
        """Return where the base64 ends that text follows, without padding between.

        Text holds what base64 does not.  Where full lines of base64 come after
        that, it is only a damaged character.
        """
        width = self._width if 0 < self._width <= MAX_LINE_OCTETS else MAX_LINE_OCTETS
        full_line = re.compile(rb"\n[A-Za-z0-9+/]{%d}\r?\n" % width)
        position = 0
        for _ in range(_MAX_DAMAGES):
            other = _FOREIGN.search(self._encoded, position, self._end)
            if other is None:
                break
            found = full_line.search(self._encoded, other.start(), self._end)
            if found is None:
                line = self._encoded.rfind(b"\n", 0, other.start()) + 1
                # Only a line of words, or of no letters, is a text of its own.
                return line if _PROSE.match(self._encoded, line) else self._end
            position = found.end() - 1
        return self._end

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Turn edits of *octets* into one edit of the body; None if that cannot be done exactly."""
        if self._is_damaged:
            return None
        # Groups of three octets before the first edit stay as they are.
        kept, characters = edits[0].start // 3 * 3, edits[0].start // 3 * 4
        at = self._locate(characters, kept)
        if at is None:
            return None
        text = applied(self.octets[kept:], edits, start=kept)
        if len(text) % 3 == 0 and self._goes_on:
            # Only padding keeps a list server's text from being read as base64.
            text += b"\n"
        insert = self._wrapped(pybase64.b64encode(text), at)
        if decode_leniently(insert) != text:
            return None
        result = [Edit(start=at, end=self._resume, insert=insert)]
        if not self._is_regular:
            # Where it is a matter of judgement what the text is, judge again.
            again = Base64Body(applied(self._encoded, result)).octets
            if again != self.octets[:kept] + text:
                return None
        return result

    def _locate(self, characters: int, kept: int) -> int | None:
        """Return the offset in the body of what comes behind *characters* and *kept* octets."""
        if characters == self._characters:
            return self._end
        if self._width:
            lines, rest = divmod(characters, self._width)
            at = lines * (self._width + len(self._line_end)) + rest
            if self._is_at(at, characters, kept):
                return at
        at = self._bisected(characters)
        return at if self._is_at(at, characters, kept) else None

    def _is_at(self, at: int, characters: int, kept: int) -> bool:
        """Say whether exactly the text behind *kept* octets is encoded from *at* on."""
        rest = self._encoded[at : self._end].translate(None, _NOT_ALPHABET)
        return (
            characters + len(rest) == self._characters
            and decode_leniently(rest) == self.octets[kept:]
        )

    def _bisected(self, characters: int) -> int:
        """Find the offset behind *characters* characters of the alphabet: linear in all."""
        low, high, before = 0, self._end, 0
        while high - low > 1:
            middle = (low + high) // 2
            count = len(self._encoded[low:middle].translate(None, _NOT_ALPHABET))
            if before + count <= characters:
                low, before = middle, before + count
            else:
                high = middle
        return low

    def _wrapped(self, characters: bytes, at: int) -> bytes:
        """Break the new tail, which begins at *at*, into lines as wide as the body's."""
        width = self._width
        if self._encoded.find(b"\n", 0, self._end) < 0:
            if width > _MAX_TRANSPORT_OCTETS:
                # One line that is too long anyhow stays one line.
                return characters
            width = MAX_LINE_OCTETS
        elif not 0 < width <= _MAX_TRANSPORT_OCTETS:
            width = MAX_LINE_OCTETS
        column = at - (self._encoded.rfind(b"\n", 0, at) + 1)
        room = max(width - column, 0)
        lines = [characters[:room]]
        lines += [characters[i : i + width] for i in range(room, len(characters), width)]
        return self._line_end.join(lines)


def _end_of_text(encoded: bytes, end: int) -> int:
    """Return *end* without the white space before it."""
    while True:
        # Usually there is a line end or nothing; copying all before it would cost most.
        start = max(end - _STEP, 0)
        kept = len(encoded[start:end].rstrip())
        if kept or start == 0:
            return start + kept
        end = start


_STEP: Final = 1 << 12


def _is_padding(signs: bytes, characters: int) -> bool:
    """Say whether *signs* complete a group of four; decoders pass over others."""
    return characters % 4 + signs.count(b"=") == 4  # noqa: PLR2004 - the group of four


def decode_leniently(encoded: bytes) -> bytes:
    """Decode the characters of the alphabet in *encoded*, whatever else is in it."""
    compact = encoded.translate(None, _NOT_ALPHABET)
    if len(compact) % 4 == 1:
        # Six bits are no octet.
        compact = compact[:-1]
    return pybase64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
