"""The usual place for a pixel: one edit, the same for all copies but for the pixel itself."""

from typing import Final, NamedTuple

from injector_service.rewriting.edit import (
    MAX_LINE_OCTETS,
    Edit,
    Splice,
    makes_long_line,
    splits_line_end,
)
from injector_service.rewriting.reading import Ground
from injector_service.rewriting.transfer_encoding import BodySlot

# What is put in never begins with a line feed, which may follow a CR.
_ANY_INSERT: Final = b"<"


class Slot(NamedTuple):
    """Where copies of a message take their pixels, with all that is the same for each."""

    raw: bytes
    body: BodySlot
    room: int
    """How many octets fit in, however they are broken into lines."""

    def filled(self, markup: bytes) -> Splice | None:
        """Return what puts *markup* in; None if that takes a look at all of the message."""
        insert = self.body.encoded(markup)
        if insert is None:
            return None
        start, end = self.body.start, self.body.end
        splice = Splice(start, end - start, insert)
        if len(insert) > self.room and makes_long_line(self.raw, splice):
            return None
        return splice


def find_slot(raw: bytes, ground: Ground) -> Slot | None:
    """Return where *ground* says that a pixel goes; None if a pixel changes more than that."""
    if not ground.is_usual or ground.part.after:
        return None
    body = ground.body.slot(ground.plan.place.spot)
    if body is None or splits_line_end(raw, [Edit(body.start, body.end, _ANY_INSERT)]):
        return None
    line = raw.rfind(b"\n", 0, body.start) + 1
    line_end = raw.find(b"\n", body.end)
    stop = line_end if line_end >= 0 else len(raw)
    return Slot(raw, body, MAX_LINE_OCTETS - (body.start - line) - (stop - body.end))
