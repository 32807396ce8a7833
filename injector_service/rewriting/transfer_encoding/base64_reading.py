"""Reads text in base64 (RFC 2045 section 6.8), as decoders do, and says where it ends (rule 5).

List servers append plain text to a body without asking for its encoding: after the
padding, or after base64 that has none.  Transport damages octets.  The two look alike,
and what may be done differs: after the base64 something can be inserted; but before
base64 that a decoder would still read, nothing can that ends in padding.
"""

import binascii
import io
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import pybase64

# RFC 2045 section 6.8.
MAX_BASE64_LINE_OCTETS: Final = 76

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_ALPHABET: Final = bytes(set(range(256)) - set(_ALPHABET))

# A piece at a time, because decoding takes several times the memory of what it is given;
# most bodies are small enough for that not to matter.
_PIECE_OCTETS: Final = 1 << 14
_SMALL_OCTETS: Final = 1 << 17

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
_NOT_SPACE: Final = re.compile(rb"\S")


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


def read_base64(raw: bytes, line_end: bytes, start: int = 0, end: int | None = None) -> Base64Text:
    """Return what ``raw[start:end]`` says, up to its padding or to text that follows it.

    *line_end* is the message's, for a body that has none of its own.
    """
    limit = len(raw) if end is None else end
    padding = raw.find(b"=", start, limit)
    end = end_without_space(raw, start, padding if padding >= 0 else limit)
    lines = _lines(raw, start, end, line_end)
    octets, characters = _decoded_regular(raw, start, end, lines)
    is_damaged = False
    is_regular = octets is not None
    if octets is None:
        readable, readable_end = _readable_characters(raw, start, end, limit), end
        end = _end_before_text(raw, start, end, limit, lines.width)
        end = end_without_space(raw, start, end)
        octets = decode_leniently(raw, start, end)
        characters = count_characters(raw, start, end)
        # A list server's text is short beside the message, and has no base64 in it.
        is_damaged = (
            characters <= 2 * (readable - characters)
            or not characters
            or _LONG_WORD.search(raw, end, readable_end) is not None
        )
    found = _PADDING.match(raw, end, limit)
    resume = end if found is None else found.end()
    goes_on = count_characters(raw, resume, limit) > 0
    if found is not None and not _is_padding(found[0], characters):
        is_damaged = is_damaged or _NOT_SPACE.search(raw, resume, limit) is not None
    return Base64Text(octets, lines, end, resume, characters, is_regular, is_damaged, goes_on)


def decode_leniently(raw: bytes, start: int = 0, end: int | None = None) -> bytes:
    """Decode the characters of the alphabet in ``raw[start:end]``, whatever else is in it."""
    out = io.BytesIO()
    rest = b""
    for piece in _compact_pieces(raw, start, len(raw) if end is None else end):
        characters = rest + piece
        whole = len(characters) // 4 * 4
        out.write(pybase64.b64decode(characters[:whole], validate=True))
        rest = characters[whole:]
    # Six bits are not an octet.
    if len(rest) > 1:
        out.write(pybase64.b64decode(rest + b"=" * (4 - len(rest)), validate=True))
    return out.getvalue()


def count_characters(raw: bytes, start: int, end: int) -> int:
    """Return how many characters of the alphabet ``raw[start:end]`` holds."""
    return sum(map(len, _compact_pieces(raw, start, end)))


def _compact_pieces(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield the characters of the alphabet in ``raw[start:end]``."""
    for at in range(start, end, _PIECE_OCTETS):
        yield raw[at : min(at + _PIECE_OCTETS, end)].translate(None, _NOT_ALPHABET)


def end_without_space(raw: bytes, start: int, end: int) -> int:
    """Return *end* without the white space before it, back to *start*."""
    while True:
        at = max(end - _STEP_OCTETS, start)
        kept = len(raw[at:end].rstrip())
        if kept or at == start:
            return at + kept
        end = at


def _lines(raw: bytes, start: int, end: int, line_end: bytes) -> Lines:
    """Take the first line for all; *line_end* where it is the only one."""
    first = raw.find(b"\n", start, end)
    if first < 0:
        return Lines(end - start, line_end)
    is_crlf = first > start and raw.startswith(b"\r", first - 1)
    line_end = b"\r\n" if is_crlf else b"\n"
    return Lines(first + 1 - len(line_end) - start, line_end)


def _decoded_regular(raw: bytes, start: int, end: int, lines: Lines) -> tuple[bytes | None, int]:
    """Decode lines of equal width and nothing else, and count; None if it is not that."""
    count, rest = divmod(end - start, lines.width + len(lines.end))
    characters = count * lines.width + rest
    # (With a lone last character one might be skipped.)
    if characters % 4 == 1 or not _are_lines_equal(raw, start, end, lines, count):
        return None, characters
    try:
        octets = _decoded_lines(raw, start, end, lines)
    except binascii.Error:
        return None, 0
    # As many octets as that many characters give, and line ends where they should be:
    # then no character was skipped.
    return octets if len(octets) == characters * 3 // 4 else None, characters


def _decoded_lines(raw: bytes, start: int, end: int, lines: Lines) -> bytes:
    """Decode lines of equal width, some at a time, so that each piece has whole groups."""
    step = lines.width + len(lines.end)
    size = max(_PIECE_OCTETS // (4 * step), 1) * 4 * step
    if end - start <= _SMALL_OCTETS:
        return _decoded(raw, start, end, lines)
    out = io.BytesIO()
    for at in range(start, end, size):
        out.write(_decoded(raw, at, min(at + size, end), lines))
    return out.getvalue()


def _decoded(raw: bytes, start: int, end: int, lines: Lines) -> bytes:
    count, rest = divmod(end - start, lines.width + len(lines.end))
    padding = b"=" * (-(count * lines.width + rest) % 4)
    return pybase64.b64decode(raw[start:end] + padding)


def _are_lines_equal(raw: bytes, start: int, end: int, lines: Lines, count: int) -> bool:
    """Say whether the first *count* lines are of one width, by where they end."""
    step = lines.width + len(lines.end)
    return all(
        raw[start + lines.width + index : end : step] == bytes([octet]) * count
        for index, octet in enumerate(lines.end)
    )


def _readable_characters(raw: bytes, start: int, end: int, limit: int) -> int:
    """Return how many characters a decoder reads that passes over what it does not know."""
    characters = count_characters(raw, start, end)
    found = _PADDING.match(raw, end, limit)
    if found is None or _is_padding(found[0], characters):
        return characters
    return count_characters(raw, start, limit)


def _end_before_text(raw: bytes, start: int, end: int, limit: int, width: int) -> int:
    """Return where the base64 ends that text follows, without padding between.

    Text holds what base64 does not.  Where full lines of base64 come after that, it is
    only a damaged character.
    """
    width = width if 0 < width <= MAX_BASE64_LINE_OCTETS else MAX_BASE64_LINE_OCTETS
    full_line = re.compile(rb"\n[A-Za-z0-9+/]{%d}\r?\n" % width)
    position = start
    for _ in range(_MAX_DAMAGES):
        other = _FOREIGN.search(raw, position, end)
        if other is None:
            break
        found = full_line.search(raw, other.start(), end)
        if found is None:
            line = raw.rfind(b"\n", start, other.start()) + 1 or start
            return line if _PROSE.match(raw, line, limit) else end
        position = found.end() - 1
    return end


def _is_padding(signs: bytes, characters: int) -> bool:
    """Say whether *signs* complete a group of four; decoders pass over others."""
    return characters % 4 + signs.count(b"=") == 4  # noqa: PLR2004 - the group of four
