"""The body of the HTML part: decoded once to be read, edited in its encoded form."""

from collections.abc import Sequence
from typing import Final, Protocol

from injector_service.rewriting.edit import Edit
from injector_service.rewriting.mime.html_part import HtmlPart
from injector_service.rewriting.outcome import Outcome
from injector_service.rewriting.transfer_encoding.base64_body import Base64Body
from injector_service.rewriting.transfer_encoding.quoted_printable import QuotedPrintableBody

# Encodings that are not MIME's and yet no identity.  Every other unknown name
# ("8bits", "7-bit", "hexa" are real) is taken for text as it stands, as mail
# clients do.
_OTHER_ENCODINGS: Final = frozenset(
    {b"uuencode", b"x-uuencode", b"x-uue", b"uue", b"x-uu", b"x-yencode", b"yenc", b"x-yenc",
     b"x-gzip", b"gzip", b"x-gzip64", b"binhex", b"x-binhex", b"mac-binhex40"}
)  # fmt: skip


class Body(Protocol):
    """The body of a part in some transfer encoding."""

    octets: bytes
    """What the body says once the transfer encoding is undone."""

    breaks_lines: bool
    """Whether the encoding breaks lines by itself, so that text of any length fits."""

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Turn edits of `octets` into edits of the body as it stands in the message.

        *edits* are ordered and do not touch.  None if the result would not
        decode to exactly the edited text.
        """


class IdentityBody:
    """A body that stands for itself: 7bit, 8bit, binary."""

    __slots__ = ("octets",)
    breaks_lines = False

    def __init__(self, encoded: bytes) -> None:
        self.octets = encoded

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Return *edits*: there is nothing to encode."""
        return list(edits)


def read_body(raw: bytes, part: HtmlPart) -> Body | Outcome:
    """Decode the body of *part*, or say that its encoding is none that we can write."""
    encoded = raw[part.start : part.end]
    match part.transfer_encoding:
        case b"quoted-printable":
            return QuotedPrintableBody(encoded, line_end=line_end_of(raw, part))
        case b"base64":
            return Base64Body(encoded, line_end=line_end_of(raw, part))
        case name if name in _OTHER_ENCODINGS:
            return Outcome.UNSUPPORTED_ENCODING
        case _:
            return IdentityBody(encoded)


def line_end_of(raw: bytes, part: HtmlPart) -> bytes:
    """Return the line end of *part*: that of its first line, or of the header before it."""
    at = raw.find(b"\n", part.start, part.end)
    if at < 0:
        at = raw.rfind(b"\n", 0, part.start)
    # A line end at the very start has nothing before it.
    if at <= 0:
        return b"\n"
    return b"\r\n" if raw.startswith(b"\r\n", at - 1) else b"\n"
