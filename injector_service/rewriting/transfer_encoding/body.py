"""The body of the HTML part: decoded once to be read, edited in its encoded form."""

from collections.abc import Sequence
from typing import Final, Protocol

from injector_service.rewriting.edit import Edit
from injector_service.rewriting.outcome import Outcome
from injector_service.rewriting.transfer_encoding.base64_body import Base64Body
from injector_service.rewriting.transfer_encoding.quoted_printable import QuotedPrintableBody

# Encodings that are not MIME's and yet no identity.  Every other unknown name
# ("8bits", "7-bit", "hexa" are real) is taken for text as it is, as mail
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
        """Turn edits of `octets` into edits of the message that the body is in.

        *edits* are ordered and do not touch.  None if the result would not
        decode to exactly the edited text.
        """


class IdentityBody:
    """A body that stands for itself: 7bit, 8bit, binary."""

    __slots__ = ("_start", "octets")
    breaks_lines = False

    def __init__(self, raw: bytes, start: int, end: int) -> None:
        self._start = start
        self.octets = raw[start:end]

    def encoded_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Return *edits* where they are in the message: there is nothing to encode."""
        return [Edit(self._start + start, self._start + end, text) for start, end, text in edits]


def read_body(
    raw: bytes, transfer_encoding: bytes, *, line_end: bytes, start: int = 0, end: int | None = None
) -> Body | Outcome:
    """Decode the body ``raw[start:end]``, or say that its encoding is none that we can write.

    Args:
        raw: the message.
        transfer_encoding: its name in lower case; may be wrong or empty.
        line_end: what ends the lines that an edit may have to add.
        start: where the body begins.
        end: where it ends; with the message if None.
    """
    end = len(raw) if end is None else end
    match transfer_encoding:
        case b"quoted-printable":
            return QuotedPrintableBody(raw, start, end, line_end=line_end)
        case b"base64":
            return Base64Body(raw, start, end, line_end=line_end)
        case name if name in _OTHER_ENCODINGS:
            return Outcome.UNSUPPORTED_ENCODING
        case _:
            return IdentityBody(raw, start, end)
