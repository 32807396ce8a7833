"""Address lists of header fields (RFC 5322 section 3.4), split but not decoded."""

import re
from collections.abc import Iterator
from typing import Final

# As much as a header may hold: each token costs a step of Python.
MAX_LIST_CHARACTERS: Final = 1 << 19

# What ordinary address lists are made of, one token at a time.
_TOKEN: Final = re.compile(
    r"\"(?:[^\"\\]++|\\.)*+\""  # quoted string
    r"|\[(?:[^\[\]\\]++|\\.)*+\]"  # domain literal
    r"|[^\"()<>\[\]:;,\\]++"
    r"|\\."
    r"|.",
    re.DOTALL,
)
# One mailbox without anything that needs care, as most fields have it.
_ADDRESS: Final = r"([^\s\"()<>\[\]:;,\\@]+@[^\s\"()<>\[\]:;,\\@]+)"
_PLAIN: Final = re.compile(r"\s*+(?:" + _ADDRESS + r"|[^\"()<>\[\]:;,\\]*+<" + _ADDRESS + r">)\s*+")

_COMMENT_TOKEN: Final = re.compile(r"[^()\\]++|\\.|.", re.DOTALL)
# Where one of these is a token of its own, what it begins or ends is not complete.
_STRAY: Final = frozenset({'"', "(", ")", "[", "]"})

_ROUTE: Final = re.compile(r"\s*+@[^@:<>,]++(?:,\s*+@[^@:<>,]++)*+:")


def mailboxes(value: str) -> list[str] | None:
    """Split the value of an address field into its mailboxes, as written.

    Display names and encoded words are not decoded, comments are kept.  Groups
    are flattened, empty list elements dropped.  None if the value is no
    address list: a quote, bracket or comment in it does not end, or something
    in it is no address.
    """
    if _PLAIN.fullmatch(value):
        return [value.strip()]
    if len(value) > MAX_LIST_CHARACTERS:
        return None
    found = _split(value)
    if found is None:
        return None
    return None if any("@" not in addr_spec(mailbox) for mailbox in found) else found


def _split(value: str) -> list[str] | None:
    """Split at commas, and where groups begin and end; None if something does not end."""
    result: list[str] = []
    start = 0
    is_in_angle = False
    for mark, position, end in _marks(value):
        if mark in _STRAY or (mark == "<" and is_in_angle) or (mark == ">" and not is_in_angle):
            return None
        if mark in "<>":
            is_in_angle = mark == "<"
        elif not is_in_angle and mark in ",;":
            result.append(value[start:position])
            start = end
        elif not is_in_angle and mark == ":":
            # What stands before is the display name of a group.
            start = end
    if is_in_angle:
        return None
    result.append(value[start:])
    return [mailbox for element in result if (mailbox := element.strip())]


def _marks(value: str) -> Iterator[tuple[str, int, int]]:
    """Yield each token of *value* with its start and end; a comment that ends is one token."""
    position = 0
    while position < len(value):
        token = _TOKEN.match(value, position)
        if token is None:
            return
        start, position = token.span()
        if token[0] == "(":
            position = max(_comment_end(value, start), position)
        yield value[start:position], start, position


def _comment_end(value: str, start: int) -> int:
    """Return the offset behind the comment at *start*, nested ones included, or -1."""
    depth = 0
    position = start
    while position < len(value):
        token = _COMMENT_TOKEN.match(value, position)
        if token is None:
            break
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        position = token.end()
        if depth == 0:
            return position
    return -1


def addr_spec(mailbox: str) -> str:
    """Return the address of a mailbox as `mailboxes` gives it, without name, comments and route."""
    plain = _PLAIN.fullmatch(mailbox)
    if plain is not None:
        return plain[1] or plain[2]
    if not any(mark in mailbox for mark in '<("\\'):
        return "".join(mailbox.split())
    pieces: list[str] = []
    for mark, _, _ in _marks(mailbox):
        if mark == "<":
            pieces.clear()
        elif mark == ">":
            break
        elif mark.startswith(('"', "\\")):
            pieces.append(mark)
        elif not mark.startswith("("):
            pieces.append("".join(mark.split()))
    address = "".join(pieces)
    route = _ROUTE.match(address)
    return address[route.end() :] if route else address
