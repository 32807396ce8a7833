"""Reads text in base64 (RFC 2045 section 6.8), as decoders do, and says where it ends (rule 5).

List servers append plain text to a body without asking for its encoding: after the
padding, or after base64 that has none.  Transport damages octets.  The two look alike,
and what may be done differs: after the base64 something can be inserted; but before
base64 that a decoder would still read, nothing can that ends in padding.
"""

import binascii
import re
from typing import Final, NamedTuple

import pybase64

# RFC 2045 section 6.8.
MAX_BASE64_LINE_OCTETS: Final = 76

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_ALPHABET: Final = bytes(set(range(256)) - set(_ALPHABET))

# Damaged lines that are passed over in the search for a text after them.
_MAX_DAMAGES: Final = 1_000

# White space at the end is looked for in steps: usually there is a line end or nothing,
# and copying all that is before it would cost most.
_STEP_OCTETS: Final = 1 << 12

# What no encoder writes: the first sign of text after the base64.
_FOREIGN: Final = re.compile(rb"[^A-Za-z0-9+/=\s]")

# A line of a text of its own: it has words, or no letters at all ("____").
_PROSE: Final = re.compile(rb"[^ \t\n]*+[ \t]|[^A-Za-z0-9+/\n]*+(?![^\n])")

# In what a list server appends, no word is so long.  Either half of a line of 76
# octets with one foreign octet in it may be.
_LONG_WORD: Final = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{38}")

_PADDING: Final = re.compile(rb"\s*+=(?:\s*+=)?")


class Lines(NamedTuple):
    """How a body is broken into lines: 99 of 100 are regular."""

    width: int
    """Octets of the first line, without its end; of all if there is one line."""
    end: bytes


class Base64Text(NamedTuple):
    """What a body in base64 says, and where."""

    octets: bytes
    lines: Lines
    end: int
    """Where the base64 ends, without white space and padding."""
    resume: int
    """Where the body goes on as it is: after the padding."""
    characters: int
    """How many characters of the alphabet there are before *end*."""
    is_regular: bool
    """Whether there are only lines of equal width, so that offsets can be computed."""
    is_damaged: bool
    """Whether a decoder would read on after *end*: then nothing may be put there."""
    goes_on: bool
    """Whether what follows holds characters of the alphabet."""


def read_base64(encoded: bytes, line_end: bytes) -> Base64Text:
    """Return what *encoded* says, up to its padding or to text that follows it.

    *line_end* is the message's, for a body that has none of its own.
    """
    padding = encoded.find(b"=")
    end = _end_of_text(encoded, padding if padding >= 0 else len(encoded))
    lines = _lines(encoded, end, line_end)
    octets, characters = _decoded_regular(encoded, end, lines)
    is_damaged = False
    is_regular = octets is not None
    if octets is None:
        readable, readable_end = _readable_characters(encoded, end), end
        end = _end_of_text(encoded, _end_before_text(encoded, end, lines))
        octets = decode_leniently(encoded[:end])
        characters = count_characters(encoded[:end])
        # A list server's text is short beside the message, and has no base64 in it.
        is_damaged = (
            characters <= 2 * (readable - characters)
            or not characters
            or _LONG_WORD.search(encoded, end, readable_end) is not None
        )
    found = _PADDING.match(encoded, end)
    resume = end if found is None else found.end()
    goes_on = count_characters(encoded[resume:]) > 0
    if found is not None and not _is_padding(found[0], characters) and encoded[resume:].strip():
        is_damaged = True
    return Base64Text(octets, lines, end, resume, characters, is_regular, is_damaged, goes_on)


def decode_leniently(encoded: bytes) -> bytes:
    """Decode the characters of the alphabet in *encoded*, whatever else is in it."""
    compact = encoded.translate(None, _NOT_ALPHABET)
    if len(compact) % 4 == 1:
        # Six bits are not an octet.
        compact = compact[:-1]
    return pybase64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)


def count_characters(encoded: bytes) -> int:
    """Return how many characters of the alphabet *encoded* holds."""
    return len(encoded.translate(None, _NOT_ALPHABET))


def _end_of_text(encoded: bytes, end: int) -> int:
    """Return *end* without the white space before it."""
    while True:
        start = max(end - _STEP_OCTETS, 0)
        kept = len(encoded[start:end].rstrip())
        if kept or start == 0:
            return start + kept
        end = start


def _lines(encoded: bytes, end: int, line_end: bytes) -> Lines:
    """Take the first line for all; *line_end* where it is the only one."""
    first = encoded.find(b"\n", 0, end)
    if first < 0:
        return Lines(end, line_end)
    line_end = b"\r\n" if encoded.startswith(b"\r\n", first - 1) else b"\n"
    return Lines(first + 1 - len(line_end), line_end)


def _decoded_regular(encoded: bytes, end: int, lines: Lines) -> tuple[bytes | None, int]:
    """Decode lines of equal width and nothing else, and count; None if it is not that."""
    count, rest = divmod(end, lines.width + len(lines.end))
    characters = count * lines.width + rest
    try:
        octets = pybase64.b64decode(encoded[:end] + b"=" * (-characters % 4))
    except binascii.Error:
        return None, 0
    # As many octets as that many characters give, and line ends where they should be:
    # then no character was skipped.  (With a lone last character one might be.)
    is_regular = (
        len(octets) == characters * 3 // 4
        and characters % 4 != 1
        and _are_lines_equal(encoded, end, lines, count)
    )
    return octets if is_regular else None, characters


def _are_lines_equal(encoded: bytes, end: int, lines: Lines, count: int) -> bool:
    """Say whether the first *count* lines are of one width, by where they end."""
    step = lines.width + len(lines.end)
    return all(
        encoded[lines.width + index : end : step] == bytes([octet]) * count
        for index, octet in enumerate(lines.end)
    )


def _readable_characters(encoded: bytes, end: int) -> int:
    """Return how many characters a decoder reads that passes over what it does not know."""
    characters = count_characters(encoded[:end])
    found = _PADDING.match(encoded, end)
    if found is None or _is_padding(found[0], characters):
        return characters
    return count_characters(encoded)


def _end_before_text(encoded: bytes, end: int, lines: Lines) -> int:
    """Return where the base64 ends that text follows, without padding between.

    Text holds what base64 does not.  Where full lines of base64 come after that, it is
    only a damaged character.
    """
    width = lines.width if 0 < lines.width <= MAX_BASE64_LINE_OCTETS else MAX_BASE64_LINE_OCTETS
    full_line = re.compile(rb"\n[A-Za-z0-9+/]{%d}\r?\n" % width)
    position = 0
    for _ in range(_MAX_DAMAGES):
        other = _FOREIGN.search(encoded, position, end)
        if other is None:
            break
        found = full_line.search(encoded, other.start(), end)
        if found is None:
            line = encoded.rfind(b"\n", 0, other.start()) + 1
            return line if _PROSE.match(encoded, line) else end
        position = found.end() - 1
    return end


def _is_padding(signs: bytes, characters: int) -> bool:
    """Say whether *signs* complete a group of four; decoders pass over others."""
    return characters % 4 + signs.count(b"=") == 4  # noqa: PLR2004 - the group of four
