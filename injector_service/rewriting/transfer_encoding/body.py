"""The body of the HTML part: decoded once to be read, edited in its encoded form."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from injector_service.rewriting.edit import MAX_LINE_OCTETS, Edit
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


class BodySlot(Protocol):
    """A place in a body where text after text is put in, with all around it known."""

    @property
    def start(self) -> int:
        """Where in the message it is."""

    @property
    def end(self) -> int:
        """Where the message goes on as it is."""

    def encoded(self, text: bytes) -> bytes | None:
        """Return what puts *text* in; None if a decoder would not read exactly that."""


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

    def slot(self, position: int) -> BodySlot | None:
        """Return what puts text before octet *position*, for many texts; None if none can."""


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

    def slot(self, position: int) -> "IdentitySlot":
        """Return what puts text before octet *position*, where its line has room."""
        octets, at = self.octets, self._start + position
        line = octets.rfind(b"\n", 0, position) + 1
        line_end = octets.find(b"\n", position)
        stop = line_end if line_end >= 0 else len(octets)
        return IdentitySlot(at, at, MAX_LINE_OCTETS - (stop - line))


class IdentitySlot(NamedTuple):
    """A place in a body that stands for itself, where text after text is put in."""

    start: int
    """Where that is in the message: a slot's edits begin and end there."""
    end: int
    room: int
    """How many octets fit on the line."""

    def encoded(self, text: bytes) -> bytes | None:
        """Return *text*; None if it would need lines of its own."""
        return text if len(text) <= self.room else None


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
