"""Spans of a text that are in order and apart: which one a place is in, or after."""

import bisect
from array import array
from collections.abc import Iterator


class Spans:
    """Spans by their starts and ends: a text may hold thousands, and a pair takes 100 octets."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts = array("L")
        self._ends = array("L")

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of each."""
        return zip(self._starts, self._ends, strict=True)

    @property
    def end(self) -> int:
        """Where the last one ends; 0 if there is none."""
        return self._ends[-1] if self._ends else 0

    def append(self, start: int, end: int) -> None:
        """Add a span after all others."""
        self._starts.append(start)
        self._ends.append(end)

    def replace_inner(self, start: int, end: int) -> None:
        """Add a span that ends after all others, in place of those that are inside of it."""
        while self._starts and self._starts[-1] > start:
            self._starts.pop()
            self._ends.pop()
        self.append(start, end)

    def before(self, at: int) -> tuple[int, int]:
        """Return the last span that begins before *at*, or an empty one at 0."""
        index = bisect.bisect_left(self._starts, at) - 1
        return (self._starts[index], self._ends[index]) if index >= 0 else (0, 0)

    def hold(self, at: int) -> bool:
        """Say whether *at* is inside one of them."""
        return at < self.before(at)[1]
