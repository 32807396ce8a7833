"""The HTML part's text as markup that can be searched, whatever its charset.

Nearly every charset in mail writes ASCII as ASCII, and its octets can be
searched as they are.  The others get a *markup view*: the same text in which
each character is one octet, itself if it is ASCII and 0x80 if not.  Edits are
made in the view and carried over to the octets.
"""

import re
from collections.abc import Sequence
from typing import Final, Protocol

from injector_service.rewriting.budget import SCANNED_OCTETS, Budget
from injector_service.rewriting.charset.shifted import SHIFTED_CHARSETS, ShiftedText
from injector_service.rewriting.charset.utf7 import Utf7Text
from injector_service.rewriting.charset.wide import WideText, wide_codec
from injector_service.rewriting.edit import Edit
from injector_service.rewriting.outcome import Outcome

# Charsets in which the octet of "<" is something else: EBCDIC and its national
# variants, Johab, where it is the second half of a Hangul, and what only ever
# stood in standards.
_NOT_ASCII: Final = re.compile(
    rb".*ebcdic.*|johab|ksc5601_1992|(?:x-)?(?:cp|ibm|x-ibm)-?0*+"
    rb"(?:37|273|27[78]|28[0145]|29[07]|42[034]|500|87[015]|88[0]|905|918|924|1026|1047|114\d|1361)"
    rb"|scsu|bocu-1|utf-imap|imap4-modified-utf-7|us-dk|dk-us|x-mac-symbol"
)
_UTF7: Final = frozenset({b"utf-7", b"utf7", b"unicode-1-1-utf-7", b"csunicode11utf7"})

# Where no label says ISO-2022, its escape sequences do; but these have no use for them.
_PLAIN: Final = frozenset({b"utf-8", b"utf8", b"iso-8859-1", b"windows-1252"})


class Text(Protocol):
    """The text of a part, searched and edited as ASCII markup."""

    view: bytes
    """The markup view."""

    is_ascii_compatible: bool
    """Whether positions and lines of the view are those of the octets."""

    def octet_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Carry edits of the view over to the octets; None if that cannot be done."""


class AsciiText:
    """Text whose octets are its view."""

    __slots__ = ("view",)
    is_ascii_compatible = True

    def __init__(self, octets: bytes) -> None:
        self.view = octets

    def octet_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Return *edits*: the octets are the view."""
        return list(edits)


def read_text(octets: bytes, charset: bytes, budget: Budget) -> Text | Outcome:
    """Return the text of *octets*; the label *charset* is in lower case and may be wrong."""
    if b"\x00" in octets:
        codec = wide_codec(octets, charset)
        if codec is not None:
            budget.spend(len(octets) // SCANNED_OCTETS)
            return WideText.decoded(octets, codec) or Outcome.UNSUPPORTED_ENCODING
    if charset in _PLAIN:
        return AsciiText(octets)
    if charset in _UTF7 and b"+" in octets:
        return Utf7Text.decoded(octets, budget) or Outcome.UNSUPPORTED_ENCODING
    shifts = SHIFTED_CHARSETS.get(charset)
    # One octet is searched for ten times as fast as two.
    if shifts is None and b"\x1b" in octets and b"\x1b$" in octets:
        shifts = SHIFTED_CHARSETS[b"iso-2022-jp"]
    if shifts is not None:
        return ShiftedText(octets, shifts, budget)
    if _NOT_ASCII.fullmatch(charset):
        return Outcome.UNSUPPORTED_ENCODING
    return AsciiText(octets)
