"""Opens by the values of something: a table with a bar in each row."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import htpy as h

from pixel_service.page.charts.drawing import paint, patterns, percent
from pixel_service.page.charts.splits import KIND_NAMES, Split
from pixel_service.page.quantities import NOTHING, count
from pixel_service.page.scrolling import scrolled

_BAR_HEIGHT: Final = 14


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What happened with one value of something."""

    name: str
    opens: Split
    link: str = ""
    """Where there is more about it; empty: nowhere."""

    tracked: int | None = None
    """How many messages of it were tracked; None: that is not known."""


def by_value(bars: Sequence[Bar], *, chart_id: str, title: str, what: str) -> h.Element:
    """Return a table of opens by the values of something, with a bar in each row.

    Args:
        bars: the values, those with the most opens first.
        chart_id: distinguishes the chart from others of its page.
        title: what it shows.
        what: what the values are, for the table's head.
    """
    most = max((bar.opens.total for bar in bars), default=0)
    has_tracked = any(bar.tracked is not None for bar in bars)
    headings = [what, "", "Opens", *KIND_NAMES.values()]
    if has_tracked:
        headings.append("Tracked")
    rows = [
        h.tr[
            h.th(".value", scope="row")[
                h.a(href=bar.link)[h.bdi[bar.name]] if bar.link else h.bdi[bar.name]
            ],
            h.td(".bar-cell")[_bar(bar.opens, most, chart_id)],
            h.td(".number")[count(bar.opens.total)],
            [h.td(".number")[count(number)] for _, number in bar.opens.parts()],
            has_tracked and h.td(".number")[NOTHING if bar.tracked is None else count(bar.tracked)],
        ]
        for bar in bars
    ]
    return h.figure(".chart")[
        h.figcaption(id=f"{chart_id}-title")[title],
        h.svg(".patterns", width="0", height="0", aria_hidden="true")[patterns(chart_id)],
        scrolled(
            h.table(aria_labelledby=f"{chart_id}-title")[
                h.thead[
                    h.tr[
                        [
                            h.th(scope="col", class_="number" if place > 1 else None)[heading]
                            if heading
                            else h.td
                            for place, heading in enumerate(headings)
                        ]
                    ]
                ],
                h.tbody[rows],
            ],
            title,
            is_tall=True,
        ),
    ]


def _bar(opens: Split, most: int, chart_id: str) -> h.Element:
    """Return the bar of one row; whoever does not see it has the numbers beside it."""
    left = 0.0
    parts = []
    for kind, number in opens.parts():
        width = 100 * number / most if most else 0.0
        if number:
            parts.append(
                h.rect(
                    x=percent(left),
                    y="0",
                    width=percent(width),
                    height=str(_BAR_HEIGHT),
                    class_=kind.value,
                    fill=paint(kind, chart_id),
                )
            )
        left += width
    return h.svg(".bar", aria_hidden="true", width="100%", height=str(_BAR_HEIGHT))[parts]
