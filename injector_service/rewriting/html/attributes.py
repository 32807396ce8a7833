"""The attributes of one start tag (HTML standard 13.2.5.32 to 13.2.5.39)."""

import re
from collections.abc import Iterator
from typing import Final

from injector_service.rewriting.budget import Budget

_TAG_NAME: Final = re.compile(rb"<[^ \t\n\r\f/>]++")
_ATTRIBUTE: Final = re.compile(
    rb"[ \t\n\r\f/]*+([^ \t\n\r\f/>][^ \t\n\r\f/>=]*+)(?:[ \t\n\r\f]*+=[ \t\n\r\f]*+"
    rb"(?:\"([^\"]*+)\"|'([^']*+)'|([^ \t\n\r\f>\"'][^ \t\n\r\f>]*+)|(?=>)))?"
)


def attributes_of(html: bytes, start: int, budget: Budget) -> Iterator[tuple[bytes, bytes]]:
    """Yield name, in lower case, and value of the attributes of the tag at *start*."""
    for found in attribute_matches(html, start, budget):
        yield found[1].lower(), value_of(found)


def attribute_matches(html: bytes, start: int, budget: Budget) -> Iterator[re.Match[bytes]]:
    """Yield the attributes of the tag at *start* with the space before; group 1 is the name."""
    name = _TAG_NAME.match(html, start)
    position = start if name is None else name.end()
    while (found := _ATTRIBUTE.match(html, position)) is not None:
        budget.spend(1)
        yield found
        position = found.end()


def value_of(found: re.Match[bytes]) -> bytes:
    """Return the value of an attribute that was matched, without quotes."""
    return found[2] or found[3] or found[4] or b""
