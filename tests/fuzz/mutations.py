"""Mutations of whole messages, from single octets up to parts."""

import random
import re
from collections.abc import Callable
from typing import Final

from tests.fuzz.words import (
    BODY_WORDS,
    CHARSETS,
    HEADER_LINES,
    HTML_WORDS,
    OWN_PIXELS,
    TRANSFER_ENCODINGS,
)

Mutation = Callable[[random.Random, bytes], bytes]

# Beyond this a mutant is cut: repeated doubling ends somewhere.
MAX_MUTANT_OCTETS: Final = 200_000

_BOUNDARY: Final = re.compile(rb"(?i)boundary\s*=\s*\"?([^\"\s;]{1,70})")
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_ENCODING: Final = re.compile(rb"(?i)(content-transfer-encoding:[ \t]*)([^\r\n]*)")
_CHARSET: Final = re.compile(rb"(?i)(charset\s*=\s*)(\"?[^\"\s;]*\"?)")
_MARK: Final = re.compile(rb"[<>=\"'\n{}-]")

# Marks that are looked for from a random offset on, before that offset is taken as it is.
_MARKS_NEAR: Final = 200


def a_place(rng: random.Random, raw: bytes) -> int:
    """Return an offset, more often than not one where something begins or ends."""
    at = rng.randrange(len(raw) + 1)
    found = _MARK.search(raw, at, at + _MARKS_NEAR) if rng.random() < 0.7 else None
    return at if found is None else found.start() + rng.randrange(2)


def _a_span(rng: random.Random, raw: bytes) -> tuple[int, int]:
    start = a_place(rng, raw)
    size = rng.choice((1, 2, 3, 8, 40, 300, 4000))
    return start, min(start + rng.randint(1, size), len(raw))


def _a_line(rng: random.Random, raw: bytes) -> tuple[int, int]:
    at = rng.randrange(len(raw) + 1)
    start = raw.rfind(b"\n", 0, at) + 1
    end = raw.find(b"\n", at) + 1
    return start, end or len(raw)


def _header_end(raw: bytes) -> int:
    found = _HEADER_END.search(raw)
    return len(raw) if found is None else found.start()


def insert_word(rng: random.Random, raw: bytes) -> bytes:
    """Insert a word of mail or HTML somewhere."""
    word = rng.choice(rng.choice((HTML_WORDS, BODY_WORDS, HEADER_LINES, OWN_PIXELS)))
    at = a_place(rng, raw)
    return raw[:at] + word + raw[at:]


def flip(rng: random.Random, raw: bytes) -> bytes:
    """Change single octets."""
    octets = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8)) if octets else 0):
        octets[rng.randrange(len(octets))] = rng.choice(
            (rng.randrange(256), *b'\x00\n\r <>=-"\xff')
        )
    return bytes(octets)


def delete(rng: random.Random, raw: bytes) -> bytes:
    """Delete a span."""
    start, end = _a_span(rng, raw)
    return raw[:start] + raw[end:]


def duplicate(rng: random.Random, raw: bytes) -> bytes:
    """Repeat a span, next to itself or elsewhere."""
    start, end = _a_span(rng, raw)
    at = end if rng.random() < 0.5 else a_place(rng, raw)
    return raw[:at] + raw[start:end] * rng.choice((1, 1, 2, 20)) + raw[at:]


def delete_line(rng: random.Random, raw: bytes) -> bytes:
    """Delete a line, or only its end."""
    start, end = _a_line(rng, raw)
    return raw[: end - 1] + raw[end:] if rng.random() < 0.3 else raw[:start] + raw[end:]


def move_line(rng: random.Random, raw: bytes) -> bytes:
    """Put a line in front of another one, moved or copied."""
    start, end = _a_line(rng, raw)
    line = raw[start:end]
    if rng.random() < 0.5:
        raw = raw[:start] + raw[end:]
    at, _ = _a_line(rng, raw)
    return raw[:at] + line + raw[at:]


def truncate(rng: random.Random, raw: bytes) -> bytes:
    """Cut the end off, or the beginning."""
    at = a_place(rng, raw)
    return raw[:at] if rng.random() < 0.8 else raw[at:]


def insert_field(rng: random.Random, raw: bytes) -> bytes:
    """Put a header line into the first header, or in front of any line."""
    line = rng.choice(HEADER_LINES) + rng.choice((b"\r\n", b"\n"))
    limit = _header_end(raw) if rng.random() < 0.7 else len(raw)
    at = raw.rfind(b"\n", 0, rng.randrange(limit + 1)) + 1
    return raw[:at] + line + raw[at:]


def change_encoding(rng: random.Random, raw: bytes) -> bytes:
    """Relabel the transfer encoding of some parts."""
    word = rng.choice(TRANSFER_ENCODINGS)
    return _ENCODING.sub(lambda found: found[1] + (word if rng.random() < 0.6 else found[2]), raw)


def change_charset(rng: random.Random, raw: bytes) -> bytes:
    """Relabel the charset of some parts."""
    word = rng.choice(CHARSETS)[0]
    return _CHARSET.sub(lambda found: found[1] + (word if rng.random() < 0.6 else found[2]), raw)


def change_boundary(rng: random.Random, raw: bytes) -> bytes:
    """Make a boundary longer, shorter or another one's, in some of its places."""
    boundaries = _BOUNDARY.findall(raw)
    if not boundaries:
        return insert_field(rng, raw)
    old, other = rng.choice(boundaries), rng.choice(boundaries)
    new = rng.choice(
        (old + b"x", old[:-1], other, other + b"--", old + b" ", old + b"--", b"", b" " + old)
    )
    pieces = raw.split(old)
    share = rng.choice((0.3, 0.9, 1.0))
    joined = [pieces[0]]
    for piece in pieces[1:]:
        joined += (new if rng.random() < share else old, piece)
    return b"".join(joined)


def insert_delimiter(rng: random.Random, raw: bytes) -> bytes:
    """Insert a delimiter, or what looks like one."""
    found = _BOUNDARY.findall(raw)
    boundary = rng.choice(found) if found else b"b"
    line = rng.choice(
        (b"\n--%b\n", b"\r\n--%b--\r\n", b"--%b", b"\n--%b \t\n", b"\n--%bx\n", b"\n --%b\n")
    )
    at = a_place(rng, raw)
    return raw[:at] + line % boundary + raw[at:]


def change_line_ends(rng: random.Random, raw: bytes) -> bytes:
    """Convert line ends: all, those after an offset, or to what no mail has."""
    at = rng.choice((0, rng.randrange(len(raw) + 1)))
    new = rng.choice((b"\n", b"\r\n", b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\r"))
    return raw[:at] + raw[at:].replace(b"\r\n", b"\n").replace(b"\n", new)


def wrap(rng: random.Random, raw: bytes) -> bytes:
    """Put the message into a multipart, after or before something, as it is."""
    line_end = b"\r\n" if b"\r\n" in raw else b"\n"
    boundary = rng.choice((b"b", b"b1", b"=_x", *_BOUNDARY.findall(raw)[:1]))
    kind = rng.choice((b"mixed", b"alternative", b"related", b"signed", b"report", b"x"))
    parts = [raw, rng.choice(HEADER_LINES) + line_end * 2 + rng.choice(HTML_WORDS)]
    rng.shuffle(parts)
    lines = [
        b"To: a@example.org",
        b'Content-Type: multipart/%b; boundary="%b"' % (kind, boundary),
        b"",
    ]
    for part in parts:
        lines += (b"--" + boundary, part)
    if rng.random() < 0.8:
        lines.append(b"--%b--" % boundary)
    return line_end.join(lines) + line_end


def decorate(rng: random.Random, raw: bytes) -> bytes:
    """Put before or after it what transport adds there."""
    if rng.random() < 0.5:
        return raw + rng.choice(
            (b"\x1a", b"\n", b"\r\n", b"-- \nfooter\n", b"\x00", b" ", b"=", b"\r")
        )
    return (
        rng.choice((b"\xef\xbb\xbf", b"From a@b Thu Jan  1 1970\n", b"\n", b"\r\n", b" ", b"\x00"))
        + raw
    )


MUTATIONS: Final[tuple[Mutation, ...]] = (
    insert_word, insert_word, flip, delete, duplicate, delete_line, move_line, truncate,
    insert_field, change_encoding, change_charset, change_boundary, insert_delimiter,
    change_line_ends, wrap, decorate,
)  # fmt: skip


def mutated(rng: random.Random, raw: bytes, *, most: int) -> bytes:
    """Return *raw* with up to *most* mutations, one upon the other."""
    for _ in range(rng.randint(0, most)):
        raw = rng.choice(MUTATIONS)(rng, raw)[:MAX_MUTANT_OCTETS]
    return raw
