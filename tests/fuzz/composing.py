"""Mutants that are put together: a page, mutated as HTML, encoded, in a structure around it."""

import base64
import binascii
import random
import re
from typing import Final

from tests.fuzz.mutations import MAX_MUTANT_OCTETS, a_place, mutated
from tests.fuzz.seeds import Seeds
from tests.fuzz.words import CHARSETS, HTML_WORDS

_TEXT_PAGE: Final = b"<html><body><p>Hello</p>\n</body></html>\n"
_ESCAPED: Final = re.compile(rb"=[0-9A-F]{2}")


def make_mutant(rng: random.Random, seeds: Seeds) -> bytes:
    """Return one mutant, made of nothing but *rng* and *seeds*."""
    kind = rng.random()
    if kind < 0.45:
        return mutated(rng, rng.choice(seeds.messages), most=4)
    if kind < 0.55:
        first, second = rng.choice(seeds.messages), rng.choice(seeds.messages)
        raw = first[: a_place(rng, first)] + second[a_place(rng, second) :]
        return mutated(rng, raw[:MAX_MUTANT_OCTETS], most=2)
    return mutated(rng, _composed(rng, seeds), most=rng.choice((0, 0, 1, 3)))


def _page(rng: random.Random, seeds: Seeds) -> bytes:
    """Return a page with words put in, taken out and repeated."""
    source = rng.random()
    if source < 0.35:
        return b"".join(rng.choices(HTML_WORDS, k=rng.randint(0, 12)))
    page = _TEXT_PAGE if source < 0.6 else rng.choice(seeds.pages)
    for _ in range(rng.randint(0, 5)):
        at = a_place(rng, page)
        if rng.random() < 0.4:
            # After nearly everything: there the pixel goes.
            at = max(len(page) - rng.randrange(40), 0)
        action = rng.random()
        if action < 0.7:
            page = page[:at] + rng.choice(HTML_WORDS) + page[at:]
        elif action < 0.85:
            page = page[:at] + page[at + rng.randint(1, 30) :]
        elif action < 0.95:
            page = page[:at]
        else:
            page = page[:at] + page[max(at - 50, 0) : at] * rng.randint(1, 30) + page[at:]
    return page


def _composed(rng: random.Random, seeds: Seeds) -> bytes:
    label, codec = rng.choice(CHARSETS)
    page = _page(rng, seeds)
    if rng.random() < 0.5:
        label, codec = b"utf-8", "utf-8"
    elif codec not in {"utf-8", "latin-1"}:
        page = page.decode("utf-8", "replace").encode(codec, "replace")
    line_end = rng.choice((b"\r\n", b"\n"))
    name, body = _encoded(rng, page, line_end)
    fields = [b"Content-Transfer-Encoding: " + name] if name else []
    kind = b"Content-Type: text/html" + (b"; charset=" + label if label else b"")
    part = line_end.join((kind, *fields, b"", body))
    return _structured(rng, part, line_end)


def _encoded(rng: random.Random, page: bytes, line_end: bytes) -> tuple[bytes, bytes]:
    """Return a transfer encoding and the page in it, as good and bad encoders write it."""
    kind = rng.randrange(4)
    if kind == 0:
        return b"base64", _base64(rng, page, line_end)
    if kind == 1:
        return b"quoted-printable", _quoted_printable(rng, page, line_end)
    if kind == 2:
        return b"", page.replace(b"\r\n", b"\n").replace(b"\n", line_end)
    return rng.choice((b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable")), page


def _base64(rng: random.Random, page: bytes, line_end: bytes) -> bytes:
    encoded = base64.b64encode(page)
    if rng.random() < 0.2:
        encoded = encoded.rstrip(b"=")
    width = rng.choice((76, 76, 76, 60, 72, 64, 4, 1, 75, 77, 998, 1_000_000))
    lines = [encoded[i : i + width] for i in range(0, len(encoded), width)]
    if rng.random() < 0.1:
        # Groups that are padded in the middle: two bodies, one after the other.
        lines.insert(rng.randint(0, len(lines)), base64.b64encode(page[: rng.randrange(9)]))
    if rng.random() < 0.1:
        lines.insert(rng.randint(0, len(lines)), rng.choice((b"", b" ", b"--", b"not base64!")))
    return line_end.join(lines) + rng.choice((b"", line_end, line_end * 2))


def _quoted_printable(rng: random.Random, page: bytes, line_end: bytes) -> bytes:
    encoded = binascii.b2a_qp(page, quotetabs=rng.random() < 0.2, istext=rng.random() < 0.8)
    if rng.random() < 0.3:
        encoded = _ESCAPED.sub(lambda found: found[0].lower(), encoded)
    if rng.random() < 0.3:
        # Soft breaks where encoders put none, and letters escaped without need.
        at = a_place(rng, encoded)
        more = rng.choice((b"=\n", b"= \n", b"=\n=\n", b"=3C", b"=", b" \n", b"\t"))
        encoded = encoded[:at] + more + encoded[at:]
    return encoded.replace(b"\r\n", b"\n").replace(b"\n", line_end)


def _structured(rng: random.Random, part: bytes, line_end: bytes) -> bytes:
    """Return a message around *part*, which begins with its header fields."""
    top = [b"From: Ann <ann@example.org>", b"To: bob@example.net", b"Subject: x"]
    for level in range(rng.choice((0, 0, 0, 1, 1, 2, 4))):
        boundary = rng.choice((b"b%d" % level, b"b", b"=_" + b"b" * level, b"b" * (9 - level)))
        parts = [part]
        if rng.random() < 0.5:
            parts.insert(0, line_end.join((b"Content-Type: text/plain", b"", b"text")))
        if rng.random() < 0.3:
            parts.append(line_end.join((b"Content-Type: image/gif", b"", b"GIF89a")))
        delimiter = b"--" + boundary
        kind = rng.choice((b"mixed", b"alternative", b"related", b"signed"))
        lines = [b'Content-Type: multipart/%b; boundary="%b"' % (kind, boundary), b""]
        for inner in parts:
            lines += (delimiter, inner)
        if rng.random() < 0.9:
            lines.append(delimiter + b"--")
        part = line_end.join(lines) + rng.choice((b"", line_end))
    return line_end.join((*top, part))
