"""Texts that a message or a client made, as people may see them."""

import unicodedata
from typing import Final

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Return *text* in one line, without what a terminal or a reader takes for an order.

    Escape sequences, other controls and line ends become replacement characters; what is
    not seen but moves the rest, such as changes of direction, is left out.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _shown(each) for each in text)


def _shown(character: str) -> str:
    match unicodedata.category(character):
        case "Zs":
            return " "
        case "Cf":
            return ""
        case _:
            return _REPLACEMENT
