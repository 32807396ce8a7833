"""Tables for people, which fit their terminal."""

import dataclasses
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from pixel_service.cli.header_text import printable

Row = TypeVar("Row")

_CUT: Final = "…"
_NOTHING: Final = "-"

# Makes an emoji of the character before; its width depends on the terminal then.
_EMOJI_SELECTOR: Final = "\ufe0f"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Row]):
    """What a table says of each row in one place."""

    heading: str
    least: int
    """Below this width the column says nothing, and rather gives its place to others."""
    most: int
    """The width beyond which others need the place more."""
    rank: int
    """The highest is the first to go where there is no room."""
    value: Callable[[Row], str]
    is_number: bool = False
    """Whether its last digit is at the right edge."""


def terminal_width() -> int | None:
    """Return the width of the terminal that is written to; None if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class FittedTable(Generic[Row]):
    """Lines for rows, none wider than *width*; None: every cell is whole."""

    def __init__(self, columns: Sequence[Column[Row]], width: int | None) -> None:
        self._width = width
        self._columns: Sequence[tuple[Column[Row], int]] = (
            [(column, column.least) for column in columns]
            if width is None
            else _laid_out(columns, width)
        )

    @property
    def heading(self) -> str:
        """What stands above."""
        return self._line(column.heading for column, _ in self._columns)

    def row(self, row: Row) -> str:
        """Return the line for *row*; nothing in it moves a terminal's cursor."""
        return self._line(
            printable(column.value(row)).replace(_EMOJI_SELECTOR, "").strip() or _NOTHING
            for column, _ in self._columns
        )

    def _line(self, cells: Iterable[str]) -> str:
        padded = []
        for cell, (column, width) in zip(cells, self._columns, strict=True):
            shown = cell if self._width is None else cut(cell, width)
            fill = " " * (width - width_of(shown))
            padded.append(fill + shown if column.is_number else shown + fill)
        return " ".join(padded).rstrip()


def _laid_out(all_columns: Sequence[Column[Row]], width: int) -> list[tuple[Column[Row], int]]:
    """Return the columns for which a line of *width* has room, with their widths."""
    columns = list(all_columns)
    while len(columns) > 1 and _least(columns) > width:
        columns.remove(max(columns, key=lambda column: column.rank))
    widths = {column.heading: column.least for column in columns}
    room = width - _least(columns)
    # A column at a time, so that what there is goes to all of them.
    while room > 0 and (growing := [each for each in columns if widths[each.heading] < each.most]):
        for column in growing[:room]:
            widths[column.heading] += 1
        room -= min(room, len(growing))
    last = columns[-1]
    if room < 0 or not last.is_number:
        widths[last.heading] = max(1, widths[last.heading] + room)
    return [(column, widths[column.heading]) for column in columns]


def _least(columns: Sequence[Column[Row]]) -> int:
    return sum(column.least for column in columns) + len(columns) - 1


def cut(text: str, width: int) -> str:
    """Return as much of *text* as *width* columns hold, and say if that is not all."""
    if width_of(text) <= width:
        return text
    room = width - width_of(_CUT)
    end = 0
    for end, character in enumerate(text):  # noqa: B007 - where it breaks off is what is wanted
        room -= width_of(character)
        if room < 0:
            break
    return text[:end].rstrip() + _CUT


def width_of(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width_of_character, text))


def _width_of_character(character: str) -> int:
    # Vowels and finals of Hangul that are written into the syllable before.
    if unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
