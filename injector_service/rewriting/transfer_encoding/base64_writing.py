"""Writes text in base64 (RFC 2045 section 6.8) from somewhere inside a body on."""

import io
from typing import Final, NamedTuple

import pybase64

from injector_service.rewriting.transfer_encoding.base64_reading import decode_leniently

# What is encoded at a time: whole groups, as large as most tails.
_PIECE_OCTETS: Final = 12 << 10


class NewLines(NamedTuple):
    """The lines into which characters are broken."""

    room: int
    """How many fit on the line that they begin on."""
    width: int
    line_end: bytes

    def encoded(self, text: bytes) -> bytes:
        """Return *text* in base64, in these lines."""
        if len(text) <= _PIECE_OCTETS:
            return self._broken(pybase64.b64encode(text), self.room)[0]
        out = io.BytesIO()
        room = self.room
        for piece in range(0, len(text), _PIECE_OCTETS):
            lines, room = self._broken(
                pybase64.b64encode(text[piece : piece + _PIECE_OCTETS]), room
            )
            out.write(lines)
        return out.getvalue()

    def _broken(self, characters: bytes, room: int) -> tuple[bytes, int]:
        """Break *characters* into lines; return how much room is on the last of them, too.

        There is *room* on the line that they begin on.
        """
        width = self.width
        lines = [characters[:room]]
        lines += [characters[i : i + width] for i in range(room, len(characters), width)]
        room = width - len(lines[-1]) if len(lines) > 1 else room - len(characters)
        return self.line_end.join(lines), room


class Base64Slot(NamedTuple):
    """A place where text after text is put in; what follows it is written anew each time."""

    start: int
    """Where the group begins in the message that the place is in."""
    end: int
    """Where the message goes on as it is: after the padding."""
    text_before: bytes
    """What the group says before the place."""
    text_after: bytes
    """What the body says after it."""
    lines: NewLines

    def encoded(self, text: bytes) -> bytes | None:
        """Return what puts *text* in; None if the body would not say exactly that."""
        text = self.text_before + text + self.text_after
        insert = self.lines.encoded(text)
        return insert if decode_leniently(insert) == text else None
