"""The multiparts that a walk over a message is in, and where their next delimiter is (rule 2).

A delimiter ends a part whichever multipart it is of, so that all those that are open
are looked for at once; yet each costs one pass over the message at most.
"""

import dataclasses
from typing import Final

from injector_service.rewriting.budget import (
    SEARCHED_OCTETS,
    WALKED_OCTETS,
    Budget,
    TooComplexError,
)

# Of 953 real messages, many of them made to be difficult, none nests deeper
# than 4.  Each level may cost a pass over the message.
MAX_DEPTH: Final = 10

# Lines that begin like a delimiter and are none: boundaries that are prefixes of each
# other, or quoted mail.
_LOOKALIKE_STEPS: Final = 2

# RFC 2046 allows white space after a boundary ("transport padding") and no
# line of mail is longer than this.
_MAX_PADDING: Final = 1_000

# Where one hyphen is, others are: within so many octets they are not looked at one by one.
_HYPHEN_WINDOW: Final = 1 << 14

# How far to look for one boundary before looking for the others: a part ends
# at whichever delimiter comes first, and the outer one may be megabytes away.
_FIRST_WINDOW: Final = 1 << 16


@dataclasses.dataclass(slots=True)
class Multipart:
    """An open multipart.

    The next delimiter is at *next_at*; -1 where none begins before *searched_to*.
    *root* is the Content-ID of the part that is shown of related ones, if it is named;
    *is_in_root* and *has_root* say whether the present or the chosen part is in it.
    """

    delimiter: bytes
    searched_to: int
    next_at: int = -1
    is_alternative: bool = False
    root: bytes = b""
    is_in_root: bool = False
    has_root: bool = False


class OpenMultiparts:
    """The multiparts around a position in *raw* that only moves forward."""

    __slots__ = ("_budget", "_raw", "open")

    def __init__(self, raw: bytes, budget: Budget) -> None:
        self._raw = raw
        # Outermost first.
        self.open: list[Multipart] = []
        self._budget = budget

    def enter(self, boundary: bytes, body_start: int) -> None:
        """Go into a multipart with this *boundary*, whose body begins at *body_start*.

        Raises:
            TooComplexError: it is nested too deeply.
        """
        if len(self.open) == MAX_DEPTH:
            raise TooComplexError
        # RFC 2046 section 5.1.1: a boundary does not end with white space.
        delimiter = b"--" + boundary.rstrip()
        self.open.append(Multipart(delimiter, body_start))

    def leave(self, depth: int) -> None:
        """Go out of all multiparts but the *depth* outermost: their delimiters do not matter."""
        del self.open[depth:]

    def next_delimiter(self, position: int) -> tuple[int, int]:
        """Return the offset of the first delimiter at or after *position*, or -1.

        With it how many multiparts are open after it.

        Raises:
            TooComplexError: too many lines look like one.
        """
        if not self.open:
            return -1, 0
        at, level = self._next_delimiter(position)
        if at < 0:
            return -1, 0
        is_last = self._raw.startswith(b"--", at + len(self.open[level].delimiter))
        return at, level if is_last else level + 1

    def is_delimiter(self, at: int) -> bool:
        """Say whether a delimiter of one of them begins at the offset *at*."""
        return any(is_delimiter_line(self._raw, at, part.delimiter) for part in self.open)

    def next_part(self, position: int) -> int | None:
        """Return where the next part's header begins, or None after the last part.

        Raises:
            TooComplexError: too many lines look like a delimiter.
        """
        while self.open:
            at, level = self._next_delimiter(position)
            if at < 0:
                return None
            # RFC 2046 section 5.1.2: an outer delimiter ends all multiparts inside.
            del self.open[level + 1 :]
            multipart = self.open[level]
            after = at + len(multipart.delimiter)
            is_last = self._raw.startswith(b"--", after)
            line_end = self._raw.find(b"\n", after)
            position = len(self._raw) if line_end < 0 else line_end + 1
            multipart.next_at = -1
            multipart.searched_to = position
            if not is_last:
                return position
            self.open.pop()
        return None

    def _next_delimiter(self, position: int) -> tuple[int, int]:
        """Return offset and level of the first delimiter at or after *position*, or (-1, 0)."""
        size = len(self._raw)
        begin, window = position, _FIRST_WINDOW
        while True:
            limit = min(size, begin + window)
            self._budget.spend((limit - begin) // WALKED_OCTETS)
            best, best_level = -1, 0
            for level, multipart in enumerate(self.open):
                at = self._search(multipart, position, limit if best < 0 else best)
                if at >= 0 and (best < 0 or at < best):
                    best, best_level = at, level
            if best >= 0 or limit >= size:
                return best, best_level
            begin, window = limit, window * 4

    def _search(self, multipart: Multipart, position: int, limit: int) -> int:
        """Return the offset of the next delimiter line that begins before *limit*, or -1.

        What was searched before is not searched again, so that each level
        costs one pass over the message at most.
        """
        if multipart.next_at >= position:
            return multipart.next_at if multipart.next_at < limit else -1
        raw, delimiter = self._raw, multipart.delimiter
        begin = max(position, multipart.searched_to)
        stop = limit + len(delimiter) - 1
        at = _find(raw, delimiter, begin, stop, self._budget)
        while at >= 0:
            if _is_whole_line(raw, at, at + len(delimiter)):
                multipart.next_at = at
                return at
            self._budget.spend(_LOOKALIKE_STEPS)
            at = _find(raw, delimiter, at + 1, stop, self._budget)
        multipart.searched_to = max(begin, limit)
        return -1


def is_delimiter_line(raw: bytes, at: int, delimiter: bytes) -> bool:
    """Say whether the line at *at* is *delimiter* alone, which may be a closing one."""
    return raw.startswith(delimiter, at) and _is_whole_line(raw, at, at + len(delimiter))


def _is_whole_line(raw: bytes, at: int, after: int) -> bool:
    """Say whether ``raw[at:after]`` is a line, with hyphens and white space after it or not."""
    if at > 0 and not raw.startswith(b"\n", at - 1):
        return False
    if raw.startswith(b"--", after):
        after += 2
    # The usual line end first; else white space up to it (RFC 2046 section 5.1.1).
    if raw.startswith((b"\r\n", b"\n"), after) or after >= len(raw):
        return True
    line_end = raw.find(b"\n", after, after + _MAX_PADDING)
    rest = raw[after : line_end if line_end >= 0 else after + _MAX_PADDING]
    return not rest.strip(b" \t\r") and (line_end >= 0 or after + len(rest) >= len(raw))


def _find(raw: bytes, delimiter: bytes, begin: int, stop: int, budget: Budget) -> int:
    """Do what ``raw.find(delimiter, begin, stop)`` does, faster where there are no hyphens.

    Base64 has none, and for one octet CPython uses memchr: twice as fast.
    """
    # Wider than the delimiter, or the search would not get on.
    window = max(_HYPHEN_WINDOW, 2 * len(delimiter))
    while True:
        hyphen = raw.find(b"-", begin, stop)
        if hyphen < 0 or raw.startswith(delimiter, hyphen, stop):
            return hyphen
        end = min(hyphen + window, stop)
        # Hyphens without end take a nanosecond each.
        budget.spend((end - hyphen) // SEARCHED_OCTETS)
        at = raw.find(delimiter, hyphen, end)
        if at >= 0 or end == stop:
            return at
        begin = end - len(delimiter) + 1
