"""Opens over time, stacked by who is behind them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Final

import htpy as h

from pixel_service.page.charts.axis import labelled, value_marks
from pixel_service.page.charts.drawing import (
    in_words,
    legend,
    paint,
    patterns,
    percent,
    pixels,
)
from pixel_service.page.charts.splits import KIND_NAMES, Split
from pixel_service.page.quantities import count, short_count
from pixel_service.page.scrolling import scrolled

# Of the width, for the numbers at the left: four characters on a phone.
_LEFT: Final = 9.0
_WIDTH: Final = 100 - _LEFT

# Of the height: the plot, then the labels below it.
_TOP: Final = 12
_PLOT: Final = 200
_BOTTOM: Final = 28
_HEIGHT: Final = _TOP + _PLOT + _BOTTOM

# Of a bar's place; the rest keeps it from its neighbour.
_BAR: Final = 0.8

# After it, a label has no room on a phone.
_LAST_LABEL: Final = 85.0

# What is not nothing is seen.
_LEAST_HEIGHT: Final = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What happened in one interval."""

    name: str
    """In full, for the table: 27 November 2026."""

    label: str
    """In few characters, for the axis: 27 Nov."""

    opens: Split


def over_time(columns: Sequence[Column], *, chart_id: str, title: str) -> h.Element:
    """Return a chart of opens over time, and its table.

    Args:
        columns: the intervals, the earliest first.
        chart_id: distinguishes the chart from others of its page.
        title: what it shows.
    """
    total = sum((column.opens for column in columns), Split())
    return h.figure(".chart")[
        h.figcaption[title],
        legend(chart_id, total),
        h.div(".chart-and-table")[
            h.svg(
                ".chart-plot",
                role="img",
                aria_labelledby=f"{chart_id}-title {chart_id}-desc",
                width="100%",
                height=str(_HEIGHT),
            )[
                h.title(id=f"{chart_id}-title")[title],
                h.desc(id=f"{chart_id}-desc")[_described(columns, total)],
                patterns(chart_id),
                list(_drawn(columns, chart_id)),
            ],
            scrolled(_time_table(columns, title), title),
        ],
    ]


def _described(columns: Sequence[Column], total: Split) -> str:
    if not total.total:
        return "No opens."
    most = max(columns, key=lambda column: column.opens.total)
    return (
        f"From {columns[0].name} to {columns[-1].name}, {in_words(total)}. "
        f"The most, {count(most.opens.total)}: {most.name}."
    )


def _drawn(columns: Sequence[Column], chart_id: str) -> Iterator[h.Element]:
    marks = value_marks(max((column.opens.total for column in columns), default=0))
    highest = marks[-1]
    for mark in marks:
        y = _TOP + _PLOT * (1 - mark / highest)
        yield h.line(".grid", x1=percent(_LEFT), x2="100%", y1=pixels(y), y2=pixels(y))
        yield h.text(".mark", x=percent(_LEFT - 1), y=pixels(y + 4), text_anchor="end")[
            short_count(mark)
        ]
    width = _WIDTH / max(len(columns), 1)
    for place, column in enumerate(columns):
        left = _LEFT + place * width + width * (1 - _BAR) / 2
        yield h.g[
            h.title[f"{column.name}: {in_words(column.opens)}"],
            list(_stacked(column.opens, left, width * _BAR, highest, chart_id)),
        ]
    for place in labelled(len(columns)):
        left = _LEFT + place * width
        if left < _LAST_LABEL:
            yield h.text(".mark", x=percent(left), y=pixels(_HEIGHT - 8))[columns[place].label]


def _stacked(
    opens: Split, left: float, width: float, highest: int, chart_id: str
) -> Iterator[h.Element]:
    bottom = float(_TOP + _PLOT)
    for kind, number in opens.parts():
        if number:
            height = max(_LEAST_HEIGHT, _PLOT * number / highest)
            bottom -= height
            yield h.rect(
                x=percent(left),
                y=pixels(bottom),
                width=percent(width),
                height=pixels(height),
                class_=kind.value,
                fill=paint(kind, chart_id),
            )


def _time_table(columns: Sequence[Column], title: str) -> h.Element:
    return h.table[
        h.caption(".hidden")[title],
        h.thead[
            h.tr[
                h.th(scope="col")["From"],
                [h.th(".number", scope="col")[name] for name in ("Opens", *KIND_NAMES.values())],
            ]
        ],
        h.tbody[
            [
                h.tr[
                    h.th(scope="row")[column.name],
                    h.td(".number")[count(column.opens.total)],
                    [h.td(".number")[count(number)] for _, number in column.opens.parts()],
                ]
                for column in reversed(columns)
            ]
        ],
    ]
