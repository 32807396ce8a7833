"""UTF-7 (RFC 2152): markup may hide in runs of base64."""

import base64
import binascii
import bisect
import codecs
import io
import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, Self

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.edit import Edit

# RFC 2152 rule 2; the "-" that ends a run is part of it.
_RUN: Final = re.compile(rb"\+([A-Za-z0-9+/]*+)(-?)")

# Characters that only a run can hold (RFC 2152, definitions of sets D and O).
_INDIRECT: Final = (b"\\", b"~")

# What one run costs, and how much text can be decoded in a step.
_RUN_STEPS: Final = 2
_OCTETS_A_STEP: Final = 32

# What of a run is decoded at a time: whole groups of four.
_PIECE_CHARACTERS: Final = 1 << 14

_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


class Utf7Text:
    """Text in UTF-7, with its runs decoded in the view."""

    __slots__ = ("_ends", "_octets", "_starts", "_view_ends", "_view_starts", "view")
    is_ascii_compatible = False

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.view = b""
        # For each run where it begins and ends in the octets, and its text in the view.
        self._starts = array("L")
        self._ends = array("L")
        self._view_starts = array("L")
        self._view_ends = array("L")

    @classmethod
    def decoded(cls, octets: bytes, budget: Budget) -> Self | None:
        """Return the text of *octets*; None if they are not UTF-7."""
        budget.spend(len(octets) // _OCTETS_A_STEP)
        text = cls(octets)
        try:
            text._decode(budget)
        except (binascii.Error, UnicodeDecodeError):
            return None
        return text

    def _decode(self, budget: Budget) -> None:
        view = io.BytesIO()
        position = 0
        for found in _RUN.finditer(self._octets):
            budget.spend(_RUN_STEPS)
            view.write(self._octets[position : found.start()])
            position = found.end()
            self._starts.append(found.start())
            self._ends.append(position)
            self._view_starts.append(view.tell())
            for piece in _run_pieces(self._octets, found.start(), position):
                view.write(_NOT_ASCII.sub("\x80", piece).encode("latin-1"))
            self._view_ends.append(view.tell())
        view.write(self._octets[position:])
        self.view = view.getvalue()

    def octet_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Carry edits of the view over to the octets; None where it is not worth it."""
        result: list[Edit] = []
        for edit in edits:
            if any(character in edit.insert for character in _INDIRECT):
                return None
            start, head, _ = self._split(edit.start)
            end, _, tail = self._split(edit.end)
            if tail:
                end = self._ends[bisect.bisect_right(self._view_starts, edit.end) - 1]
            if result and result[-1].end > start:
                return None
            insert = _as_run(head) + edit.insert.replace(b"+", b"+-") + _as_run(tail)
            result.append(Edit(start=start, end=end, insert=insert))
        return result

    def _split(self, position: int) -> tuple[int, str, str]:
        """Return the octet offset of *position*; inside a run, the run's, and its halves."""
        index = bisect.bisect_right(self._view_starts, position) - 1
        if index < 0:
            return position, "", ""
        inside = position - self._view_starts[index]
        if inside == 0:
            return self._starts[index], "", ""
        after = position - self._view_ends[index]
        if after >= 0:
            return self._ends[index] + after, "", ""
        run = "".join(_run_pieces(self._octets, self._starts[index], self._ends[index]))
        return self._starts[index], run[:inside], run[inside:]


def _run_pieces(octets: bytes, start: int, end: int) -> Iterator[str]:
    """Yield the text of the run ``octets[start:end]``, which begins with its "+".

    Raises:
        binascii.Error, UnicodeDecodeError: it is none.
    """
    is_closed = octets.startswith(b"-", end - 1)
    position, end = start + 1, end - is_closed
    if position == end:
        if not is_closed:
            raise binascii.Error
        yield "+"
    rest = b""
    while position < end:
        characters = octets[position : min(position + _PIECE_CHARACTERS, end)]
        position += len(characters)
        units = rest + base64.b64decode(characters + b"=" * (-len(characters) % 4))
        if position == end:
            # Bits that fill up the last character are not part of the text.
            yield units[: len(units) // 2 * 2].decode("utf-16-be")
        else:
            text, consumed = codecs.utf_16_be_decode(units)
            yield text
            rest = units[consumed:]


def _as_run(text: str) -> bytes:
    if not text:
        return b""
    return b"+" + base64.b64encode(text.encode("utf-16-be")).rstrip(b"=") + b"-"
