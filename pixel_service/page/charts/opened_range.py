"""How many messages were opened: a range, because a fetch is not a reader."""

from typing import Final

import htpy as h

from pixel_service.page.charts.drawing import paint, patterns, percent
from pixel_service.page.charts.splits import Kind
from pixel_service.page.quantities import count, share

_HEIGHT: Final = 28


def opened_range(at_least: int, at_most: int, tracked: int, *, chart_id: str) -> h.Element:
    """Return how many messages were opened: a range, because a fetch is not a reader.

    Args:
        at_least: so many by persons.
        at_most: so many if everything that may have been a person was.
        tracked: of so many messages; 0: that is not known.
        chart_id: distinguishes the chart from others of its page.
    """
    # In a span, what a person opened may have been fetched in advance before it.
    at_most = max(at_least, at_most)
    whole = max(tracked, at_most, 1)
    said = f"{count(at_least)} to {count(at_most)}"
    text = f"{said} of {count(tracked, 'message')}" if tracked else f"{said} messages"
    return h.figure(".chart")[
        h.figcaption["Messages opened by a person"],
        h.p(".range-in-words")[
            h.strong[text],
            tracked > 0 and f" ({share(at_least, tracked)} to {share(at_most, tracked)})",
        ],
        h.svg(
            ".range",
            role="img",
            aria_labelledby=f"{chart_id}-title",
            width="100%",
            height=str(_HEIGHT),
        )[
            h.title(id=f"{chart_id}-title")[f"Messages opened by a person: {text}"],
            patterns(chart_id),
            h.rect(".whole", x="0", y="0", width="100%", height=str(_HEIGHT)),
            h.rect(
                ".unknown",
                x=percent(100 * at_least / whole),
                y="0",
                width=percent(100 * (at_most - at_least) / whole),
                height=str(_HEIGHT),
                fill=paint(Kind.UNKNOWN, chart_id),
            ),
            h.rect(
                ".person",
                x="0",
                y="0",
                width=percent(100 * at_least / whole),
                height=str(_HEIGHT),
                fill=paint(Kind.PERSON, chart_id),
            ),
        ],
    ]
