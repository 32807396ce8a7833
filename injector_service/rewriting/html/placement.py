"""Where in the HTML the pixel goes, and what has to go away for it."""

import io
from collections.abc import Sequence
from typing import Final, NamedTuple

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.edit import Edit, applied
from injector_service.rewriting.html.drawn import draws_before
from injector_service.rewriting.html.head import head_end
from injector_service.rewriting.html.hidden import open_hidden_element
from injector_service.rewriting.html.scan import Scan, Spot, scan_html
from injector_service.rewriting.html.shortcut import end_of_body
from injector_service.rewriting.html.spans import Spans
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning

# Each placeholder that is looked at may cost a look at all of the text before it.
MAX_PLACEHOLDERS: Final = 16

# What is made lower case at a time.
_PIECE_OCTETS: Final = 1 << 16


class Place(NamedTuple):
    """Where the pixel goes, in octets of the text.

    *removals* are spans that go away: placeholders.  They are ordered and
    apart; *spot* may touch one but is inside none.
    """

    spot: int
    removals: tuple[tuple[int, int], ...] = ()
    warnings: tuple[RewriteWarning, ...] = ()


def find_place(
    html: bytes, placement: Placement, budget: Budget, *, cuts: Sequence[Edit] = ()
) -> Place | Outcome:
    """Return the place for a pixel in *html* with *cuts* made; it is ASCII where it is markup."""
    lowered = _lowered(html, cuts) if cuts else html.lower()
    # Only for placeholders it matters how something is written.
    html = applied(html, cuts) if lowered.rfind(b"opentracker}}") >= 0 else b""
    if placement is Placement.END and html.rfind(b"openTracker}}") < 0:
        shortcut = end_of_body(lowered, budget)
        if shortcut is not None:
            spot, opaque = shortcut
            return _outside_hidden(lowered, spot, opaque, budget=budget)
    scan = scan_html(lowered, budget)
    if scan.frameset is not None and not draws_before(lowered, scan.frameset, budget):
        # Rule 7: there is nothing that an image could be in.
        return Outcome.NO_HTML_PART
    placeholders = [found for found in scan.placeholders if _is_placeholder(html, found)]
    place = _at_placeholder(lowered, scan, placeholders, budget)
    if place is None and placement is Placement.START:
        place = _outside_hidden(
            lowered, _start(lowered, scan, budget), scan.opaque, scan.closed, budget=budget
        )
    elif place is None:
        end_spot = scan.body_close or scan.end
        place = _outside_hidden(lowered, end_spot.outside, scan.opaque, scan.closed, budget=budget)
    removals = tuple((found.offset, end) for found, end in placeholders)
    return place._replace(removals=removals) if removals else place


def _lowered(html: bytes, cuts: Sequence[Edit]) -> bytes:
    """Return *html* with *cuts* made in lower case, in one copy."""
    out = io.BytesIO()
    start = 0
    for cut in (*cuts, Edit(len(html), len(html), b"")):
        for at in range(start, cut.start, _PIECE_OCTETS):
            out.write(html[at : min(at + _PIECE_OCTETS, cut.start)].lower())
        start = cut.end
    return out.getvalue()


def _is_placeholder(html: bytes, found: tuple[Spot, int]) -> bool:
    """Say whether it is written in the right case: the scan saw it lowered."""
    return html[found[0].offset : found[1]] in {b"{{openTracker}}", b"{{ses:openTracker}}"}


def _at_placeholder(
    lowered: bytes, scan: Scan, placeholders: Sequence[tuple[Spot, int]], budget: Budget
) -> Place | None:
    """Return the place of the first placeholder where an image is sure to be loaded."""
    for spot, _ in placeholders[:MAX_PLACEHOLDERS]:
        if spot.outside == spot.offset:
            place = _outside_hidden(lowered, spot.offset, scan.opaque, scan.closed, budget=budget)
            if place.spot == spot.offset:
                return place
    return None


def _outside_hidden(
    lowered: bytes,
    spot: int,
    opaque: Spans,
    closed: Spans | None = None,
    *,
    budget: Budget,
) -> Place:
    """Return *spot*, or the place before the outermost hidden element around it (rule 8)."""
    hidden = open_hidden_element(lowered, spot, opaque, closed, budget=budget)
    if hidden is None:
        return Place(spot=spot)
    name, start = hidden
    if name in {b"body", b"html"}:
        return Place(spot=spot, warnings=(RewriteWarning.PIXEL_MAY_NOT_LOAD,))
    return Place(spot=start)


def _start(lowered: bytes, scan: Scan, budget: Budget) -> int:
    if scan.body_open_end is not None and not draws_before(lowered, scan.body_open, budget):
        # In a container, as in `<noscript><body>`, the tag begins no body.
        return scan.body_open_end.outside
    # In a text that is all head, or whose head is not closed, before its last white space.
    return min(head_end(lowered, budget), scan.end.offset)
