"""Tables that may be wider than the page."""

import htpy as h


def scrolled(table: h.Element, name: str, *, is_tall: bool = False) -> h.Element:
    """Return *table* in a region that scrolls, by keyboard, too, so that the page does not.

    Args:
        table: what is shown.
        name: what is in it.
        is_tall: whether it is as tall as it is; otherwise it scrolls within a few rows.
    """
    return h.div(
        ".scrolled.tall" if is_tall else ".scrolled",
        role="region",
        aria_label=f"Table: {name}",
        tabindex="0",
    )[table]
