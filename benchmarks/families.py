"""Makes messages in which one thing comes again and again.

A family makes a message of any size, so that what it costs can be compared with what one
of four times the size does.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Final

Family = Callable[[int], bytes]
"""Makes a message of about so many octets."""

# The token that counts as ours.
OWN_TOKEN: Final = "AQ" + "fZ7-_k" * 20
OWN_PIXEL: Final = (
    b'<img src="https://open.example.org/o/%b.gif" width="1" height="1" alt="" border="0">'
    % OWN_TOKEN.encode()
)

# Less than what we look at of a header.
_MAX_HEADER_OCTETS: Final = 500_000

QUOTED_PRINTABLE: Final = b"Content-Transfer-Encoding: quoted-printable\r\n"
BASE64: Final = b"Content-Transfer-Encoding: base64\r\n"


def _filled(unit: bytes, octets: int) -> bytes:
    return unit * (octets // len(unit))


def field(name: bytes, unit: bytes, *, before: bytes = b"", after: bytes = b"") -> Family:
    """Return the family with *unit* in the value of a header field."""

    def make(octets: int) -> bytes:
        value = before + _filled(unit, min(octets, _MAX_HEADER_OCTETS)) + after
        fields = {b"From": b"a@example.org", b"To": b"b@example.org", b"Content-Type": b"text/html"}
        lines = [b"%b: %b\r\n" % each for each in (fields | {name: value}).items()]
        return b"".join((*lines, b"\r\n<p>x"))

    return make


def fields(unit: bytes) -> Family:
    """Return the family with *unit* as header fields."""

    def make(octets: int) -> bytes:
        block = _filled(unit, min(octets, _MAX_HEADER_OCTETS))
        return b"To: b@example.org\n" + block + b"Content-Type: text/html\n\n<p>x"

    return make


def html(unit: bytes, *, before: bytes = b"", after: bytes = b"", charset: bytes = b"") -> Family:
    """Return the family with *unit* in HTML as it stands."""
    return lambda octets: _message(before + _filled(unit, octets) + after, charset=charset)


def encoded(
    unit: bytes, *, before: bytes = b"", after: bytes = b"", encoding: bytes = BASE64
) -> Family:
    """Return the family with *unit* in what is said to be encoded."""
    return lambda octets: _message(before + _filled(unit, octets) + after, encoding=encoding)


def in_quoted_printable(unit: bytes, *, before: bytes = b"") -> Family:
    """Return the family with *unit* in HTML that is then encoded."""

    def make(octets: int) -> bytes:
        body = binascii.b2a_qp(before + _filled(unit, octets), istext=True)
        return _message(body.replace(b"\n", b"\r\n"), encoding=QUOTED_PRINTABLE)

    return make


def in_charset(unit: str, codec: str, *, before: str = "") -> Family:
    """Return the family with *unit* in HTML of another charset, in base64."""

    def make(octets: int) -> bytes:
        # Without the byte order mark of each.
        size = len((unit * 2).encode(codec)) - len(unit.encode(codec))
        body = base64.encodebytes((before + unit * (octets * 3 // 4 // size)).encode(codec))
        return _message(body, charset=codec.encode(), encoding=BASE64)

    return make


def multipart(unit: bytes, *, before: bytes = b"", boundary: bytes = b"b") -> Family:
    """Return the family with *unit* in a multipart."""
    head = b'To: b@example.org\nContent-Type: multipart/mixed; boundary="%b"\n\n' % boundary
    return lambda octets: head + before + _filled(unit, octets)


def distinct_names(octets: int) -> bytes:
    """Return a message full of hidden elements, each of another name."""
    return _message(b"".join(b"<a%05x hidden>" % index for index in range(octets // 15)))


def nested_comments(octets: int) -> bytes:
    """Return a message whose To is comments in comments, all of which end."""
    depth = min(octets, _MAX_HEADER_OCTETS) // 2
    return field(b"To", b"(" * depth + b")" * depth)(depth * 2)


def long_boundary(octets: int) -> bytes:
    """Return a message whose boundary and body are hyphens, and nearly alike."""
    boundary = b"-" * min(octets // 2, _MAX_HEADER_OCTETS) + b"x"
    return multipart(b"-", boundary=boundary)(octets // 2)


def _message(body: bytes, *, charset: bytes = b"", encoding: bytes = b"") -> bytes:
    label = b"; charset=" + charset if charset else b""
    return (
        b"From: a@example.org\r\nTo: b@example.org\r\nContent-Type: text/html"
        + label + b"\r\n" + encoding + b"\r\n" + body
    )  # fmt: skip
