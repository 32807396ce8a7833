"""Writes text in quoted-printable (RFC 2045 section 6.7) between what is there already."""

import binascii
import re
from typing import Final, NamedTuple

# RFC 2045 section 6.7 rule 5: with the "=" of a soft break, without the line end.
MAX_ENCODED_LINE_OCTETS: Final = 76

# What, besides "=", does not stand for itself (RFC 2045 section 6.7 rules 1 and 2).
_NOT_LITERAL: Final = re.compile(rb"[^ -~]")
_LITERAL: Final = bytes(range(0x20, 0x7F))


class QuotedPrintableSlot(NamedTuple):
    """A place in a line where text after text is put in, with nothing taken out."""

    start: int
    """Where that is in the message: a slot's edits begin and end there."""
    end: int
    before: bytes
    """The line up to there."""
    after: bytes
    """The rest of the line, with its end."""
    text_before: bytes
    """What the line says up to there."""
    text_after: bytes
    column: int
    rest: int
    """How many octets of the line follow, without its end."""
    line_end: bytes

    def encoded(self, text: bytes) -> bytes | None:
        """Return what puts *text* in; None if the line would not say exactly that.

        The other lines say what they did: a decoder remembers nothing after a line end.
        """
        insert = fold(text, column=self.column, rest=self.rest, line_end=self.line_end)
        said = binascii.a2b_qp(self.before + insert + self.after)
        return insert if said == self.text_before + text + self.text_after else None


def fold(text: bytes, *, column: int, rest: int, line_end: bytes) -> bytes:
    """Encode *text* that begins at *column* and is followed by *rest* octets of its line.

    The existing octets around it keep their lines; soft breaks are ours.
    """
    text = text.replace(b"=", b"=3D")
    # Mostly there is nothing else, and that is seen four times as fast as by the pattern.
    if text.translate(None, _LITERAL):
        text = _NOT_LITERAL.sub(lambda found: b"=%02X" % found[0][0], text)
    if column + len(text) + rest <= MAX_ENCODED_LINE_OCTETS:
        return text
    lines = []
    room = MAX_ENCODED_LINE_OCTETS - 1 - column
    cut = max(room, 0)
    while len(text) > (room if rest else room + 1):
        escape = text.rfind(b"=", 0, cut)
        if 0 <= escape >= cut - 2:
            cut = escape
        lines.append(text[:cut])
        text = text[cut:]
        # RFC 5321 section 4.5.2: a leading dot is doubled in transport, and
        # servers that forget to undo it are known.
        if text[:1] == b".":
            text = b"=2E" + text[1:]
        room = cut = MAX_ENCODED_LINE_OCTETS - 1
    lines.append(text)
    used = len(text) + (column if len(lines) == 1 else 0)
    if rest and used + rest > MAX_ENCODED_LINE_OCTETS:
        lines.append(b"")
    return (b"=" + line_end).join(lines)
