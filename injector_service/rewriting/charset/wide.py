"""UTF-16 and UTF-32: every ASCII character has NULs beside it."""

import codecs
import io
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

# A piece at a time: of a text with one character out of the ordinary each takes four octets.
_PIECE_OCTETS: Final = 1 << 12

# These leave half a character at the end alone.
_PARTLY: Final = {"utf-16-le": codecs.utf_16_le_decode, "utf-16-be": codecs.utf_16_be_decode}

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

    __slots__ = ("_codec", "_octets", "_unit", "view")
    is_ascii_compatible = False

    def __init__(self, octets: bytes, codec: str, view: bytes) -> None:
        self._octets = octets
        self._codec = codec
        self.view = view
        # Octets of every character, or 0 if they differ: surrogates are two units.
        unit = 4 if codec in {"utf-32-le", "utf-32-be"} else 2
        self._unit = unit if unit * len(view) == len(octets) else 0

    @classmethod
    def decoded(cls, octets: bytes, codec: str) -> Self | None:
        """Return the text of *octets*; None if they are not what they seemed to be."""
        decoder = codecs.getincrementaldecoder(codec)()
        view = io.BytesIO()
        try:
            for start in range(0, len(octets), _PIECE_OCTETS):
                end = start + _PIECE_OCTETS
                text = decoder.decode(octets[start:end], final=end >= len(octets))
                if start == 0 and text.startswith("\ufeff"):
                    # A byte order mark is not content.
                    text = " " + text[1:]
                view.write(_NOT_ASCII.sub("\x80", text).encode("latin-1"))
        except UnicodeDecodeError:
            return None
        return cls(octets, codec, view.getvalue())

    def octet_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Carry edits of the view over to the octets."""
        result = []
        position = offset = 0
        for edit in edits:
            start = self._after(offset, edit.start - position)
            offset, position = self._after(start, edit.end - edit.start), edit.end
            insert = edit.insert.decode("ascii").encode(self._codec)
            result.append(Edit(start=start, end=offset, insert=insert))
        return result

    def _after(self, offset: int, characters: int) -> int:
        """Return the offset after so many *characters* from *offset* on."""
        if self._unit:
            return offset + characters * self._unit
        while characters:
            # As many units as there are characters at least; half of them are, at worst.
            units = min(max(characters, 2), _PIECE_OCTETS)
            text, consumed = _PARTLY[self._codec](self._octets[offset : offset + 2 * units])
            if len(text) > characters:
                consumed = len(text[:characters].encode(self._codec))
            offset += consumed
            characters -= min(len(text), characters)
        return offset
