"""UTF-7 (RFC 2152): markup may hide in runs of base64."""

import base64
import binascii
import bisect
import re
from collections.abc import Sequence
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

_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


class Utf7Text:
    """Text in UTF-7, with its runs decoded in the view."""

    __slots__ = ("_runs", "_view_starts", "view")
    is_ascii_compatible = False

    def __init__(
        self, view: bytes, runs: list[tuple[int, int, str]], view_starts: list[int]
    ) -> None:
        self.view = view
        # For each run its start and end in the octets, and its text.
        self._runs = runs
        # For each run where its text begins in the view.
        self._view_starts = view_starts

    @classmethod
    def decoded(cls, octets: bytes, budget: Budget) -> Self | None:
        """Return the text of *octets*; None if they are not UTF-7."""
        budget.spend(len(octets) // _OCTETS_A_STEP)
        runs: list[tuple[int, int, str]] = []
        view_starts: list[int] = []
        pieces: list[bytes] = []
        position = size = 0
        for found in _RUN.finditer(octets):
            budget.spend(_RUN_STEPS)
            run = _run_text(found[1], is_closed=bool(found[2]))
            if run is None:
                return None
            size += found.start() - position
            runs.append((found.start(), found.end(), run))
            view_starts.append(size)
            pieces += (
                octets[position : found.start()],
                _NOT_ASCII.sub("\x80", run).encode("latin-1"),
            )
            size += len(run)
            position = found.end()
        pieces.append(octets[position:])
        return cls(b"".join(pieces), runs, view_starts)

    def octet_edits(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """Carry edits of the view over to the octets; None where it is not worth it."""
        result: list[Edit] = []
        for edit in edits:
            if any(character in edit.insert for character in _INDIRECT):
                return None
            start, head, _ = self._split(edit.start)
            end, _, tail = self._split(edit.end)
            if tail:
                end = self._runs[bisect.bisect_right(self._view_starts, edit.end) - 1][1]
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
        start, end, run = self._runs[index]
        inside = position - self._view_starts[index]
        if inside == 0:
            return start, "", ""
        if inside >= len(run):
            return end + inside - len(run), "", ""
        return start, run[:inside], run[inside:]


def _run_text(characters: bytes, *, is_closed: bool) -> str | None:
    if not characters:
        return "+" if is_closed else None
    try:
        octets = base64.b64decode(characters + b"=" * (-len(characters) % 4))
        # Bits that fill up the last character are not part of the text.
        return octets[: len(octets) // 2 * 2].decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _as_run(text: str) -> bytes:
    if not text:
        return b""
    return b"+" + base64.b64encode(text.encode("utf-16-be")).rstrip(b"=") + b"-"
