"""Changes to octets: of a whole message, and of a text inside it.

Named tuples, because a message makes half a dozen of them, and a frozen dataclass takes
three times as long to make.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

# RFC 5322 section 2.1.1, without the line end.
MAX_LINE_OCTETS: Final = 998


class Splice(NamedTuple):
    """Replacement of *delete_count* octets at *offset* of a message by *insert*."""

    offset: int
    delete_count: int
    insert: bytes

    def apply(self, raw: bytes) -> bytes:
        """Return *raw* with this splice in it, in one copy."""
        view = memoryview(raw)
        return b"".join((view[: self.offset], self.insert, view[self.offset + self.delete_count :]))


class Edit(NamedTuple):
    """Replacement of ``[start, end)`` by *insert*, in a message, a body or a text."""

    start: int
    end: int
    insert: bytes


def merged(raw: bytes, edits: Sequence[Edit]) -> Splice:
    """Return one splice that does what *edits* (in order, apart, at least one) do to *raw*."""
    first, last = edits[0], edits[-1]
    if len(edits) == 1:
        return Splice(offset=first.start, delete_count=first.end - first.start, insert=first.insert)
    view = memoryview(raw)
    pieces: list[bytes | memoryview] = []
    position = first.start
    for edit in edits:
        pieces += (view[position : edit.start], edit.insert)
        position = edit.end
    return Splice(offset=first.start, delete_count=last.end - first.start, insert=b"".join(pieces))


def applied(text: bytes, edits: Sequence[Edit], *, start: int = 0) -> bytes:
    """Return *text*, which begins at *start*, with all *edits* (in order, apart) made."""
    if not edits:
        return text
    pieces: list[bytes] = []
    position = 0
    for edit in edits:
        pieces += (text[position : edit.start - start], edit.insert)
        position = edit.end - start
    pieces.append(text[position:])
    return b"".join(pieces)


def splits_line_end(raw: bytes, edits: Sequence[Edit]) -> bool:
    """Say whether one of *edits* comes between CR and LF.

    In text of wide characters these may be halves of two of them.
    """
    for start, end, insert in edits:
        if raw.startswith(b"\r\n", start - 1) and not insert.startswith(b"\n"):
            return True
        if raw.startswith(b"\r\n", end - 1):
            return True
    return False


def makes_long_line(raw: bytes, splice: Splice) -> bool:
    """Say whether *splice* makes a line of over 998 octets where *raw* had none."""
    end = splice.offset + splice.delete_count
    start = raw.rfind(b"\n", 0, splice.offset) + 1
    stop = raw.find(b"\n", end)
    stop = stop if stop >= 0 else len(raw)
    if splice.offset - start + len(splice.insert) + stop - end <= MAX_LINE_OCTETS:
        return False
    new = raw[start : splice.offset] + splice.insert + raw[end:stop]
    return _longest_line(raw[start:stop]) <= MAX_LINE_OCTETS < _longest_line(new)


def _longest_line(octets: bytes) -> int:
    return max(len(line.rstrip(b"\r")) for line in octets.split(b"\n"))
