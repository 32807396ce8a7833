"""UTF-16 and UTF-32: every ASCII character has NULs beside it."""

import re
from collections.abc import Sequence
from typing import Final, Self

from injector_service.rewriting.edit import Edit

# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_BRACKETS: Final = (
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_LABELS: Final = re.compile(rb"utf-?(?:16|32).*|(?:iso-10646-)?ucs-?[24].*|unicode.*|csunicode")

# Without a label, at least this share of NULs: markup in UTF-16 has a half.
_MIN_SHARE: Final = 5

_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


def wide_codec(octets: bytes, charset: bytes) -> str | None:
    """Return the codec if *octets* are UTF-16 or UTF-32, else None.

    The NULs are believed, not the label: text labelled UTF-16 that has none is
    ASCII, and clients show it so.
    """
    if b"\x00" not in octets:
        return None
    for mark, codec in _MARKS:
        if octets.startswith(mark):
            return codec
    if not _LABELS.fullmatch(charset) and octets.count(b"\x00") * _MIN_SHARE < len(octets):
        # Stray NULs in something else.
        return None
    for bracket, codec in _BRACKETS:
        at = octets.find(bracket)
        size = len(bracket)
        if at >= 0 and at % size == 0:
            return codec
    return _codec_without_markup(octets, charset)


def _codec_without_markup(octets: bytes, charset: bytes) -> str:
    """Guess from the side of the characters on which most NULs are."""
    if b"32" in charset or b"4" in charset:
        return "utf-32-be" if octets.startswith(b"\x00") else "utf-32-le"
    is_big = octets[0::2].count(b"\x00") > octets[1::2].count(b"\x00")
    return "utf-16-be" if is_big else "utf-16-le"


class WideText:
    """Text in UTF-16 or UTF-32 of one byte order."""

    __slots__ = ("_codec", "_text", "_unit", "view")
    is_ascii_compatible = False

    def __init__(self, text: str, codec: str, unit: int) -> None:
        self._text = text
        self._codec = codec
        # Octets of every character, or 0 if they differ.
        self._unit = unit
        if text.startswith("\ufeff"):
            # A byte order mark is not content.
            text = " " + text[1:]
        self.view = _NOT_ASCII.sub("\x80", text).encode("latin-1")

    @classmethod
    def decoded(cls, octets: bytes, codec: str) -> Self | None:
        """Return the text of *octets*; None if they are not what they seemed to be."""
        try:
            text = octets.decode(codec)
        except UnicodeDecodeError:
            return None
        unit, rest = divmod(len(octets), max(len(text), 1))
        return cls(text, codec, 0 if rest else unit)

    def octet_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Carry edits of the view over to the octets."""
        result = []
        position = offset = 0
        for edit in edits:
            start = offset + self._octets_between(position, edit.start)
            offset, position = start + self._octets_between(edit.start, edit.end), edit.end
            insert = edit.insert.decode("ascii").encode(self._codec)
            result.append(Edit(start=start, end=offset, insert=insert))
        return result

    def _octets_between(self, start: int, end: int) -> int:
        if self._unit:
            return (end - start) * self._unit
        return len(self._text[start:end].encode(self._codec))
