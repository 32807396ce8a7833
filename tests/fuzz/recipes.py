"""Recipes of messages that repeat, nest and nearly write what mail is made of.

A recipe makes a message of any size.  The grammar says what stands where: values of header
fields, header blocks, HTML in several encodings and charsets, bodies that only seem to be
encoded, parts.  Its words are the delimiters of each, whole, escaped and in near-misses.
"""

import base64
import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from benchmarks.families import (
    QUOTED_PRINTABLE,
    encoded,
    field,
    fields,
    html,
    in_quoted_printable,
    multipart,
)
from tests.fuzz.words import BODY_WORDS, HEADER_LINES, HTML_WORDS

# In a word, the number of the repetition: names that are all different.
NUMBER: Final = b"%05d"

# Words of a unit, and before and after all units, at most.
_MOST_WORDS: Final = 4

_HEADER_WORDS: Final = (
    b"(", b")", b"()", b"\\(", b"\\)", b"\\", b'"', b'""', b'\\"', b"<", b">", b"<a@b>", b"[",
    b"]", b"a@b", b"@a", b",", b";", b":", b"a", b" ", b"a b ", b";a=", b';a="', b";a=b", b"\t",
    b"; charset*1=", b"=?utf-8?q?", b"?=", b"/", b"=",
)  # fmt: skip
_BLOCK_WORDS: Final = (
    b"To:\n", b"To: a@b\n", b"To: (\n", b"a:\n", b"a: b\n", b" \n", b"\t\n", b"\n ", b"--b:\n",
    b"Content-Type: text/plain (\n", b"content-typex:\n", b"X-Configuration-Id: a\n", b"From a\n",
    b">From a\n", b"Subject: =?utf-8?q?a?=\n", b"Cc: a@b,\n", b"Bcc: <\n",
)  # fmt: skip
_MARKUP_WORDS: Final = (
    b"<", b"</", b"<!", b"<!--", b"-->", b"<!-->", b"<!---->", b"<!----!>", b"--!>", b"--", b">",
    b"<style>", b"</style>", b"<style><", b"<script>", b"<script><!--", b"</script>", b"<svg>",
    b"</svg>", b"<template>", b"</template>", b"<select>", b"<object>", b"</object>", b"<body>",
    b"</body>", b"<p hidden>", b"</p>", b"<a" + NUMBER + b" hidden>", b"</a" + NUMBER + b">",
    b"<b hidden>", b"</b>", b"display:none ", b"hidden ", b"{{openTracker}}", b"{{openTracker",
    b"{{", b"<![CDATA[", b"]]>", b"<img src='", b"<img ", b' a="', b" a='", b" a=b", b"'", b'"',
    b"=", b" ", b"\n", b"x", b"<title>", b"<frameset>", b"<meta>",
)  # fmt: skip
_ENCODED_WORDS: Final = (
    b"=", b"= ", b"=\n", b"=\r\n", b"=3D", b"=0A", b"=20", b"\n", b" ", b"!", b"AAAA", b"QUFB",
    b"x", b"QUFB" * 19 + b"\n", b"{{openTracker}}", b"{{openTracker}}\n", b"{{openTracker}}=\n",
)  # fmt: skip
_SHIFT_WORDS: Final = (
    b"~", b"~{", b"~}", b"~~", b"~\n", b"\x1b$B", b"\x1b(B", b"\x1b", b"\x0e", b"\x0f", b"+", b"+-",
    b"+AGE-", b"+AGE", b"AGEA", b"-", b"!!", b"\n", b"<p>", b"{{openTracker}}",
)  # fmt: skip
_EMOJI: Final = "\U0001f600".encode()
_PART_WORDS: Final = (
    b"\n--b\n", b"\n--b", b"--b", b"--", b"-", b"\n", b"\n--b--\n", b" ", b"x", b"\n--bx\n",
    b"Content-Type: multipart/mixed; boundary=b\n\n", b"Content-Type: text/plain\n\n", b"\n--a\n",
    b"Content-Type: multipart/alternative; boundary=a\n\n", b"Content-Type: text/html\n\n", b"a:\n",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a message a text stands, and the words that mean something there."""

    name: str
    message: Callable[[bytes], bytes]
    words: tuple[bytes, ...]
    rare: tuple[bytes, ...] = ()
    """Words of mail that are tried now and then."""


def _in_field(name: bytes, before: bytes = b"") -> Place:
    def message(text: bytes) -> bytes:
        return field(name, text, before=before)(len(text))

    return Place(name=f"in {name.decode()}", message=message, words=_HEADER_WORDS)


def _in_html(name: str, charset: bytes, words: tuple[bytes, ...]) -> Place:
    return Place(
        name=name,
        message=lambda text: html(text, charset=charset)(len(text)),
        words=words,
        rare=HTML_WORDS,
    )


def _in_utf16(text: bytes) -> bytes:
    octets = text.decode("utf-8", "replace").encode("utf-16")
    body = base64.encodebytes(octets)
    return (
        b"To: b@example.org\r\nContent-Type: text/html; charset=utf-16\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + body
    )


PLACES: Final = (
    _in_field(b"To"),
    _in_field(b"From"),
    _in_field(b"Content-Type", b"text/html "),
    _in_field(b"Content-Transfer-Encoding", b"8bit "),
    _in_field(b"Content-Disposition", b"inline "),
    Place(
        name="in the header",
        message=lambda text: fields(text)(len(text)),
        words=_BLOCK_WORDS,
        rare=HEADER_LINES,
    ),
    _in_html("in HTML", b"utf-8", _MARKUP_WORDS),
    Place(
        name="in quoted-printable HTML",
        message=lambda text: in_quoted_printable(text)(len(text)),
        words=_MARKUP_WORDS,
        rare=HTML_WORDS,
    ),
    Place(
        name="in UTF-16",
        message=_in_utf16,
        words=(*_MARKUP_WORDS, _EMOJI, _EMOJI + b"{{openTracker}}"),
    ),
    *(
        _in_html(f"in {charset}", charset.encode(), _SHIFT_WORDS)
        for charset in ("hz", "utf-7", "iso-2022-jp", "iso-2022-kr")
    ),
    Place(
        name="as quoted-printable",
        message=lambda text: encoded(text, encoding=QUOTED_PRINTABLE)(len(text)),
        words=_ENCODED_WORDS,
        rare=BODY_WORDS,
    ),
    Place(
        name="as base64",
        message=lambda text: encoded(text)(len(text)),
        words=_ENCODED_WORDS,
        rare=BODY_WORDS,
    ),
    Place(
        name="in parts",
        message=lambda text: multipart(text)(len(text)),
        words=_PART_WORDS,
        rare=HEADER_LINES,
    ),
)

Words = tuple[bytes, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A text: *before*, *unit* as often as fits, *close* as often, *after*."""

    place: Place
    unit: Words
    before: Words = ()
    close: Words = ()
    after: Words = ()

    def text(self, octets: int) -> bytes:
        """Return the text, of about so many *octets*."""
        unit, close = b"".join(self.unit), b"".join(self.close)
        times = max(1, octets // max(1, len(unit) + len(close)))
        opened = _repeated(unit, range(times))
        closed = _repeated(close, range(times - 1, -1, -1)) if close else b""
        return b"".join((*self.before, opened, closed, *self.after))

    def message(self, octets: int) -> bytes:
        """Return a message with the text."""
        return self.place.message(self.text(octets))

    def __str__(self) -> str:
        parts = (self.before, self.unit, self.close, self.after)
        return f"{self.place.name}: " + " | ".join(repr(b"".join(part))[1:] for part in parts)


def _repeated(word: bytes, numbers: Sequence[int]) -> bytes:
    if NUMBER not in word:
        return word * len(numbers)
    return b"".join(word.replace(NUMBER, b"%05d" % number) for number in numbers)


def plain_recipes(places: Sequence[Place] = PLACES) -> Iterator[Recipe]:
    """Yield each word repeated, alone, after each other word, and nested with each other."""
    for place in places:
        for word in place.words:
            yield Recipe(place=place, unit=(word,))
    for place in places:
        for word in place.words:
            for other in place.words:
                yield Recipe(place=place, before=(other,), unit=(word,))
                yield Recipe(place=place, unit=(word,), close=(other,))
                yield Recipe(place=place, unit=(word, other))


def random_recipe(rng: random.Random, places: Sequence[Place] = PLACES) -> Recipe:
    """Return a recipe of a few words."""
    place = rng.choice(places)
    return Recipe(
        place=place,
        before=_some(rng, place, 0),
        unit=_some(rng, place, 1),
        close=_some(rng, place, 1) if rng.random() < 0.2 else (),
        after=_some(rng, place, 0) if rng.random() < 0.3 else (),
    )


def changed(rng: random.Random, recipe: Recipe) -> Recipe:
    """Return *recipe* with a word put in, taken out or put in the place of another."""
    name = rng.choice(("unit", "unit", "unit", "before", "close", "after"))
    words: list[bytes] = list(getattr(recipe, name))
    at = rng.randrange(len(words) + 1)
    if words and rng.random() < 0.6:
        at = min(at, len(words) - 1)
        words[at : at + 1] = [] if rng.random() < 0.4 else [_a_word(rng, recipe.place)]
    elif len(words) < _MOST_WORDS:
        words.insert(at, _a_word(rng, recipe.place))
    if name == "unit" and not words:
        return recipe
    parts = {each: getattr(recipe, each) for each in ("before", "unit", "close", "after")}
    return Recipe(place=recipe.place, **(parts | {name: tuple(words)}))


def _some(rng: random.Random, place: Place, least: int) -> Words:
    return tuple(_a_word(rng, place) for _ in range(rng.randint(least, 2)))


def _a_word(rng: random.Random, place: Place) -> bytes:
    return rng.choice(place.rare if place.rare and rng.random() < 0.2 else place.words)
