"""Changes to octets: of a whole message, and of a text inside it.

Named tuples, because a message makes half a dozen of them, and a frozen dataclass takes
three times as long to make.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

# RFC 5322 section 2.1.1, without the line end.
MAX_LINE_OCTETS: Final = 998

# Up to this a copy costs less than comparing piece by piece.
_SMALL_OCTETS: Final = 1 << 16


class Splice(NamedTuple):
    """Replacement of *delete_count* octets at *offset* of a message by *insert*."""

    offset: int
    delete_count: int
    insert: bytes

    def apply(self, raw: bytes) -> bytes:
        """Return *raw* with this splice in it, in one copy."""
        view = memoryview(raw)
        return b"".join((view[: self.offset], self.insert, view[self.offset + self.delete_count :]))

    @property
    def is_large(self) -> bool:
        """Whether what it puts in should not be copied without need."""
        return len(self.insert) > _SMALL_OCTETS

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return bool(self.delete_count or self.insert)

    def as_edit(self) -> "Edit":
        """Return the same as an edit."""
        return Edit(self.offset, self.offset + self.delete_count, self.insert)


EMPTY: Final = Splice(offset=0, delete_count=0, insert=b"")


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


def applied(text: bytes, edits: Sequence[Edit], *, start: int = 0, end: int | None = None) -> bytes:
    """Return ``text[start:end]`` with all *edits* (in order, apart) made."""
    end = len(text) if end is None else end
    if not edits:
        return text[start:end]
    view = memoryview(text)
    pieces: list[bytes | memoryview] = []
    for edit in edits:
        pieces += (view[start : edit.start], edit.insert)
        start = edit.end
    pieces.append(view[start:end])
    return b"".join(pieces)


def is_applied(changed: bytes, text: bytes, edits: Sequence[Edit], *, start: int = 0) -> bool:
    """Say whether *changed* is ``applied(text, edits, start=start)``, made only if it is small."""
    if len(changed) <= _SMALL_OCTETS:
        return changed == applied(text, edits, start=start)
    view = memoryview(text)
    at = 0
    for piece, insert in _pieces(view, edits, start):
        if not changed.startswith(piece, at) or not changed.startswith(insert, at + len(piece)):
            return False
        at += len(piece) + len(insert)
    return at == len(changed)


def _pieces(
    view: memoryview, edits: Sequence[Edit], start: int
) -> Iterator[tuple[memoryview, bytes]]:
    for edit in edits:
        yield view[start : edit.start], edit.insert
        start = edit.end
    yield view[start:], b""


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
    if _has_long_line(raw, start, stop):
        return False
    # Only the first and the last line are not the insert's own.
    insert = splice.insert
    first = insert.find(b"\n") + 1 or len(insert)
    last = max(insert.rfind(b"\n") + 1, first)
    before = raw[start : splice.offset] + insert[:first]
    after = insert[last:] + raw[end:stop]
    if b"\n" not in insert:
        before, after = before + after, b""
    return (
        _has_long_line(before, 0, len(before))
        or _has_long_line(insert, first, last)
        or _has_long_line(after, 0, len(after))
    )


def _has_long_line(octets: bytes, position: int, end: int) -> bool:
    while end - position > MAX_LINE_OCTETS:
        # As far as lines that are short enough go.
        line_end = octets.rfind(b"\n", position, position + MAX_LINE_OCTETS + 1)
        if line_end < 0:
            line_end = octets.find(b"\n", position, end)
            line_end = line_end if line_end >= 0 else end
            if len(octets[position:line_end].rstrip(b"\r")) > MAX_LINE_OCTETS:
                return True
        position = line_end + 1
    return False
