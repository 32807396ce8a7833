"""Opens in a table for people, which fits their terminal."""

import dataclasses
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.cli.header_text import printable
from pixel_service.cli.words import AGENTS, short_name
from service_runtime.encoded_words import decode_words

_CUT: Final = "…"
_NOTHING: Final = "-"

# Tags that say what other columns say.
_SYSTEM_TAGS: Final = "ses:"

# Makes an emoji of the character before; its width depends on the terminal then.
_EMOJI_SELECTOR: Final = "\ufe0f"


def _mail_tags(notification: pb.OpenNotification) -> str:
    tags = notification.mail.tags
    return " ".join(
        f"{name}={','.join(map(str, tags[name]))}"
        for name in sorted(tags)
        if not name.startswith(_SYSTEM_TAGS)
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    heading: str
    least: int
    """Below this width the column says nothing, and rather gives its place to others."""
    most: int
    """The width beyond which others need the place more."""
    rank: int
    """The highest is the first to go where there is no room."""
    value: Callable[[pb.OpenNotification], str]


# The subject is the last: if it is written from right to left it moves nothing else.
_COLUMNS: Final = (
    _Column(
        heading="TIME",
        least=20,
        most=20,
        rank=0,
        value=lambda opened: opened.open.open_time.ToDatetime().isoformat("T", "seconds") + "Z",
    ),
    _Column(
        heading="CONFIGURATION",
        least=13,
        most=22,
        rank=6,
        value=lambda opened: opened.configuration_id,
    ),
    _Column(
        heading="AGENT",
        least=8,
        most=8,
        rank=1,
        value=lambda opened: AGENTS.get(opened.open.evidence.agent, ""),
    ),
    _Column(
        heading="SURE",
        least=6,
        most=6,
        rank=3,
        value=lambda opened: short_name(pb.Confidence.DESCRIPTOR, opened.open.evidence.confidence),
    ),
    _Column(
        heading="ADDRESS",
        least=15,
        most=26,
        rank=8,
        value=lambda opened: opened.open.ip_address,
    ),
    _Column(
        heading="MESSAGE",
        least=22,
        most=22,
        rank=7,
        value=lambda opened: opened.mail.message_id,
    ),
    _Column(
        heading="RECIPIENT",
        least=14,
        most=32,
        rank=2,
        value=lambda opened: ",".join(opened.mail.destination),
    ),
    _Column(heading="TAGS", least=10, most=32, rank=5, value=_mail_tags),
    _Column(
        heading="SUBJECT",
        least=16,
        most=60,
        rank=4,
        value=lambda opened: decode_words(opened.mail.common_headers.subject),
    ),
)


def terminal_width() -> int | None:
    """Return the width of the terminal that is written to; None if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class OpenTable:
    """Lines for opens, none wider than *width*; None: every cell is whole."""

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._columns: Sequence[tuple[_Column, int]] = (
            [(column, column.least) for column in _COLUMNS] if width is None else _laid_out(width)
        )

    @property
    def heading(self) -> str:
        """What stands above."""
        return self._line(column.heading for column, _ in self._columns)

    def row(self, notification: pb.OpenNotification) -> str:
        """Return the line for *notification*; nothing in it moves a terminal's cursor."""
        return self._line(
            printable(column.value(notification)).replace(_EMOJI_SELECTOR, "").strip() or _NOTHING
            for column, _ in self._columns
        )

    def _line(self, cells: Iterable[str]) -> str:
        widths = [width for _, width in self._columns]
        if self._width is not None:
            cells = [cut(cell, width) for cell, width in zip(cells, widths, strict=True)]
        padded = [_padded(cell, width) for cell, width in zip(cells, widths, strict=True)]
        return " ".join(padded).rstrip()


def _laid_out(width: int) -> list[tuple[_Column, int]]:
    """Return the columns for which a line of *width* has room, with their widths."""
    columns = list(_COLUMNS)
    while len(columns) > 1 and _least(columns) > width:
        columns.remove(max(columns, key=lambda column: column.rank))
    widths = {column.heading: column.least for column in columns}
    room = width - _least(columns)
    # A column at a time, so that what there is goes to all of them.
    while room > 0 and (growing := [each for each in columns if widths[each.heading] < each.most]):
        for column in growing[:room]:
            widths[column.heading] += 1
        room -= min(room, len(growing))
    last = columns[-1].heading
    widths[last] = max(1, widths[last] + room)
    return [(column, widths[column.heading]) for column in columns]


def _least(columns: Sequence[_Column]) -> int:
    return sum(column.least for column in columns) + len(columns) - 1


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


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
