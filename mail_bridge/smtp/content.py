"""A message as it goes over the wire, with changes that are made while it is sent.

The octets that came in are kept once, however many copies are sent of them: a copy is pieces of
them and what is inserted in between.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Final

# Ends a message that was sent with DATA (RFC 5321 section 4.1.1.4).
_END: Final = b".\r\n"

_CRLF: Final = b"\r\n"
_LINE_WITH_DOT: Final = b"\r\n."
_LINE_WITH_DOTS: Final = b"\r\n.."

# How many octets decide whether a dot that follows begins a line.
_CONTEXT: Final = len(_CRLF)

# Places after dots were put in that are remembered. Pixels of all copies stand at the same few,
# and to count the dots before one takes 30 ms for 25 MB.
_MOST_PLACES: Final = 64

Piece = bytes | memoryview


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One replacement: the octets from *start* to *end* give way to *insert*."""

    start: int
    end: int
    insert: bytes = dataclasses.field(repr=False)


class Message:
    """The octets that copies are made of."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self._begins_with_dot = octets.startswith(b".")
        self._places: dict[int, int] = {}
        # Without a dot at the start of a line these are the same octets, and no copy of them.
        self._stuffed = octets.replace(_LINE_WITH_DOT, _LINE_WITH_DOTS)
        if self._begins_with_dot:
            self._stuffed = b"." + self._stuffed

    @functools.cached_property
    def is_text(self) -> bool:
        """Whether each CR and LF is one half of a line end, and the last line has one.

        Only such a message arrives by DATA as it was sent: some servers take a lone CR or LF for
        the end of a line, and with a dot after it for the end of the message.
        """
        if not self.octets.endswith(_CRLF):
            return False
        # Twice as fast as counting the line ends.
        without_ends = self.octets.replace(_CRLF, b"")
        return b"\r" not in without_ends and b"\n" not in without_ends

    def pieces(self, changes: Sequence[Change]) -> Iterator[Piece]:
        """Yield the copy with *changes*, which are in order and apart, as it is."""
        octets = memoryview(self.octets)
        for start, end, insert in _spans(changes, len(octets)):
            yield octets[start:end]
            yield insert

    def stuffed_pieces(self, changes: Sequence[Change]) -> Iterator[Piece]:
        """Yield the copy with *changes* as DATA needs it, with what ends it.

        A dot is put before each that begins a line (RFC 5321 section 4.5.2).
        """
        stuffed = memoryview(self._stuffed)
        # The first line begins as every other does: after a line end.
        before = _CRLF
        for start, end, insert in _spans(changes, len(self.octets)):
            # What is inserted, or removed, decides whether the next two octets begin a line.
            loose_end = min(start + _CONTEXT, end)
            loose, before = _stuffed_after(before, self.octets[start:loose_end])
            yield loose
            if loose_end < end:
                yield stuffed[self._stuffed_at(loose_end) : self._stuffed_at(end)]
                before = self.octets[end - _CONTEXT : end]
            inserted, before = _stuffed_after(before, insert)
            yield inserted
        yield _END if before == _CRLF else _CRLF + _END

    def _stuffed_at(self, place: int) -> int:
        """Return where what is at *place* is after dots were put in."""
        if len(self._stuffed) == len(self.octets):
            return place
        if place not in self._places:
            if len(self._places) == _MOST_PLACES:
                self._places.clear()
            dots = self.octets.count(_LINE_WITH_DOT, 0, place)
            self._places[place] = place + dots + (self._begins_with_dot and place > 0)
        return self._places[place]


def _stuffed_after(before: bytes, octets: bytes) -> tuple[bytes, bytes]:
    """Return *octets* with dots put in, which stand after *before*, and what is before the next."""
    together = before + octets
    stuffed = together.replace(_LINE_WITH_DOT, _LINE_WITH_DOTS)
    return stuffed[_CONTEXT:], together[-_CONTEXT:]


def _spans(changes: Sequence[Change], length: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield what is kept of a message: from where to where, and what is inserted after that."""
    kept_from = 0
    for change in changes:
        yield kept_from, change.start, change.insert
        kept_from = change.end
    yield kept_from, length, b""
