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

# What is base64 in a body: groups of the alphabet with white space between.
_CORE: Final = re.compile(rb"[A-Za-z0-9+/\s]*+")

# A line of a footer in the alphabet by chance, without what else footers hold,
# cannot be told from base64; this finds where whole lines of it end.
_LINE_WITH_OTHERS: Final = re.compile(rb"[^A-Za-z0-9+/=\s]")


class Base64Body:
    """A part's body in base64; *octets* is what it says.

    Only up to the padding: list servers append plain text behind it, and that
    stays where it is.
    """

    __slots__ = ("_core_end", "_encoded", "_resume", "octets")

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        padding = encoded.find(b"=")
        end = padding if padding >= 0 else len(encoded)
        octets = _decoded(encoded[:end])
        if octets is None:
            end = self._end_of_base64(end)
            octets = _decoded_leniently(encoded[:end])
        self.octets = octets
        self._core_end = len(encoded[:end].rstrip())
        # Behind the padding, if there is one, the body goes on as it was.
        found = re.compile(rb"\s*+=(?:\s*+=)?").match(encoded, self._core_end)
        self._resume = self._core_end if found is None else found.end()

    def _end_of_base64(self, end: int) -> int:
        """Return where the base64 ends that text follows, without padding between."""
        found = _LINE_WITH_OTHERS.search(self._encoded, 0, end)
        if found is None:
            return end
        # The text's first line is the one that holds something else.
        return self._encoded.rfind(b"\n", 0, found.start()) + 1

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Turn edits of *octets* into one edit of the body; None if that cannot be done exactly."""
        group = edits[0].start // 3
        kept = group * 3
        at = self._locate(group * 4, kept)
        if at is None:
            return None
        tail = [
            Edit(start=edit.start - kept, end=edit.end - kept, insert=edit.insert) for edit in edits
        ]
        text = applied(self.octets[kept:], tail)
        insert = self._wrapped(pybase64.b64encode(text), at)
        if _decoded_leniently(insert.rstrip(b"=")) != text:
            return None
        return [Edit(start=at, end=self._resume, insert=insert)]

    def _locate(self, characters: int, kept: int) -> int | None:
        """Return the offset in the body behind which only what comes after *characters* stands."""
        encoded = self._encoded
        line_end = encoded.find(b"\n", 0, self._core_end)
        width = len(encoded[:line_end].rstrip(b"\r")) if line_end >= 0 else self._core_end
        if width:
            lines, rest = divmod(characters, width)
            at = lines * (line_end + 1) + rest
            if at <= self._core_end and self._is_at(at, kept):
                return at
        at = self._bisected(characters)
        return at if self._is_at(at, kept) else None

    def _is_at(self, at: int, kept: int) -> bool:
        return _decoded_leniently(self._encoded[at : self._core_end]) == self.octets[kept:]

    def _bisected(self, characters: int) -> int:
        """Find the offset behind *characters* characters of the alphabet: linear in all."""
        low, high, before = 0, self._core_end, 0
        while high - low > 1:
            middle = (low + high) // 2
            count = len(self._encoded[low:middle].translate(None, _NOT_ALPHABET))
            if before + count <= characters:
                low, before = middle, before + count
            else:
                high = middle
        return low

    def _wrapped(self, characters: bytes, at: int) -> bytes:
        """Break the new tail into lines as the body's own lines are."""
        encoded = self._encoded
        first_end = encoded.find(b"\n", 0, self._core_end)
        column = at - (encoded.rfind(b"\n", 0, at) + 1)
        if first_end >= 0:
            line_end = b"\r\n" if encoded[first_end - 1 : first_end] == b"\r" else b"\n"
            width = len(encoded[:first_end].strip())
            if not 0 < width <= _MAX_TRANSPORT_OCTETS:
                width = MAX_LINE_OCTETS
        else:
            line_end = b"\r\n" if b"\r\n" in encoded else b"\n"
            if self._core_end > _MAX_TRANSPORT_OCTETS:
                # One line that is too long anyhow stays one line.
                return characters
            width = MAX_LINE_OCTETS
        room = max(width - column, 0)
        lines = [characters[:room]]
        lines += [characters[i : i + width] for i in range(room, len(characters), width)]
        return line_end.join(lines)


def _decoded(core: bytes) -> bytes | None:
    """Decode what is nothing but the alphabet and line ends; None if it is something else."""
    compact = core.replace(b"\r\n", b"").replace(b"\n", b"")
    try:
        return pybase64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except binascii.Error:
        return None


def _decoded_leniently(core: bytes) -> bytes:
    """Decode the characters of the alphabet in *core*, whatever else is in it."""
    compact = core.translate(None, _NOT_ALPHABET)
    if len(compact) % 4 == 1:
        # Six bits are no octet.
        compact = compact[:-1]
    return pybase64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
