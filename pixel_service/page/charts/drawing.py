"""What charts are drawn with."""

import htpy as h

from pixel_service.page.charts.splits import KIND_NAMES, Kind, Split
from pixel_service.page.quantities import count, share


def percent(number: float) -> str:
    """Return a place or a width along a chart."""
    return f"{number:.3f}".rstrip("0").rstrip(".") + "%"


def pixels(number: float) -> str:
    """Return a height."""
    return f"{number:.1f}".removesuffix(".0")


def paint(kind: Kind, chart_id: str) -> str:
    """Return what opens of *kind* are filled with.

    An attribute, because a style sheet looks for the pattern in its own file.
    """
    return f"url(#{chart_id}-{kind})"


def patterns(chart_id: str) -> h.Element:
    """Return the patterns of the kinds: plain, hatched, dotted; their colours are classes."""
    return h.defs[[_pattern(kind, chart_id) for kind in Kind]]


def _pattern(kind: Kind, chart_id: str) -> h.Element:
    drawn = {
        Kind.PERSON: (),
        Kind.MACHINE: (h.path(".ink", d="M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4"),),
        Kind.UNKNOWN: (
            h.circle(".ink", cx="2", cy="2", r="1.1"),
            h.circle(".ink", cx="6", cy="6", r="1.1"),
        ),
    }[kind]
    return h.pattern(
        id=f"{chart_id}-{kind}",
        class_=f"pattern-{kind}",
        patternUnits="userSpaceOnUse",
        width="8",
        height="8",
    )[h.rect(".ground", width="8", height="8"), drawn]


def legend(chart_id: str, total: Split) -> h.Element:
    """Return what each pattern stands for, and how much of it there is."""
    return h.ul(".legend")[
        [
            h.li[
                h.svg(".swatch", aria_hidden="true", width="14", height="14")[
                    h.rect(width="14", height="14", fill=paint(kind, chart_id))
                ],
                f" {KIND_NAMES[kind]} ",
                h.strong[count(number)],
                f" {share(number, total.total)}",
            ]
            for kind, number in total.parts()
        ]
    ]


def in_words(opens: Split) -> str:
    """Return how many opens there were of each kind."""
    parts = ", ".join(f"{KIND_NAMES[kind].lower()} {count(part)}" for kind, part in opens.parts())
    return f"{count(opens.total, 'open')}: {parts}"
