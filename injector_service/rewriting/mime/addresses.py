"""Address lists of header fields (RFC 5322 section 3.4), split but not decoded."""

import re
from typing import Final

# Each costs a step of Python, in every use of the field.  No message is tracked that is
# for a second recipient, and no notification holds more than some dozen addresses.
MAX_MARKS: Final = 4_000
_MARKS: Final = ',;:<"([\\'

# RFC 5322 lets comments nest without end; in mail they hardly do.
_MAX_NESTING: Final = 5

# What address lists are made of.  Everything possessive: what was matched is never looked
# at again, so that whatever does not end is looked through once for each level at most.
_TEXT: Final = r"[^\"()<>\[\]:;,\\]++"
_ESCAPED: Final = r"\\(?:.|\Z)"
_QUOTED: Final = r"\"(?:[^\"\\]++|\\.)*+\""
_LITERAL: Final = r"\[(?:[^\[\]\\]++|\\.)*+\]"


def _comment(nesting: int) -> str:
    inner = f"|{_comment(nesting - 1)}" if nesting > 1 else ""
    return rf"\((?:[^()\\]++|\\.{inner})*+\)"


_WHOLE: Final = f"{_QUOTED}|{_LITERAL}|{_comment(_MAX_NESTING)}|{_ESCAPED}"
_TOKEN: Final = re.compile(f"{_TEXT}|{_WHOLE}|[])]++|.", re.DOTALL)

# What is between separators, and the separator; any other character in its place
# begins or ends something that is not complete, and the rest is not looked at.
_ELEMENT: Final = re.compile(
    f"((?:{_TEXT}|{_WHOLE}|<(?:{_TEXT}|{_WHOLE}|[:;,])*+>)*+)([,;:]|\\Z|.++)", re.DOTALL
)

# One mailbox without anything that needs care, as most fields have it.
_ADDRESS: Final = r"([^\s\"()<>\[\]:;,\\@]++@[^\s\"()<>\[\]:;,\\@]++)"
_PLAIN: Final = re.compile(r"\s*+(?:" + _ADDRESS + r"|[^\"()<>\[\]:;,\\]*+<" + _ADDRESS + r">)\s*+")

_ROUTE: Final = re.compile(r"\s*+@[^@:<>,]++(?:,\s*+@[^@:<>,]++)*+:")


def mailboxes(value: str) -> list[str] | None:
    """Split the value of an address field into its mailboxes, as written.

    Display names and encoded words are not decoded, comments are kept.  Groups
    are flattened, empty list elements dropped.  None if the value is no
    address list, or more than we look at: a quote, bracket or comment in it does
    not end, or something in it is not an address.
    """
    if _PLAIN.fullmatch(value):
        return [value.strip()]
    found = None if _has_too_many_marks(value) else _split(value)
    if found is None:
        return None
    return None if any("@" not in addr_spec(mailbox) for mailbox in found) else found


def _has_too_many_marks(value: str) -> bool:
    return len(value) > MAX_MARKS and sum(map(value.count, _MARKS)) > MAX_MARKS


def _split(value: str) -> list[str] | None:
    """Split at commas, and where groups begin and end; None if something does not end."""
    result: list[str] = []
    for element, separator in _ELEMENT.findall(value):
        # What is before a colon is the display name of a group.
        if separator not in ",;:":
            return None
        if separator != ":" and (mailbox := element.strip()):
            result.append(mailbox)
    return result


def addr_spec(mailbox: str) -> str:
    """Return the address of a mailbox as `mailboxes` gives it, without name, comments and route."""
    plain = _PLAIN.fullmatch(mailbox)
    if plain is not None:
        return plain[1] or plain[2]
    if not any(mark in mailbox for mark in '<("\\'):
        return "".join(mailbox.split())
    if _has_too_many_marks(mailbox):
        return ""
    pieces: list[str] = []
    for piece in _TOKEN.findall(mailbox):
        if piece == "<":
            pieces.clear()
        elif piece == ">":
            break
        elif piece.startswith(('"', "\\")):
            pieces.append(piece)
        elif not piece.startswith("("):
            pieces.append("".join(piece.split()))
    address = "".join(pieces)
    route = _ROUTE.match(address)
    return address[route.end() :] if route else address
