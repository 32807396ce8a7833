"""What has to change in the text of the HTML part so that the pixel is in it, once."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.edit import MAX_LINE_OCTETS, Edit, applied
from injector_service.rewriting.html import Place, find_own_pixels, find_place
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning


class Plan(NamedTuple):
    """Where a pixel goes in a text, decided before there is a pixel.

    *own* are the pixels of ours in the text, *cuts* the same with the line
    breaks that came with them; *place* is a place in the text without the cuts.
    """

    own: tuple[tuple[int, int], ...]
    cuts: tuple[Edit, ...]
    place: Place
    line_end: bytes | None

    @property
    def removes(self) -> bool:
        """Whether something is taken out of the text."""
        return bool(self.own or self.place.removals)

    @property
    def warnings(self) -> tuple[RewriteWarning, ...]:
        """What the place brings with it."""
        return self.place.warnings

    def edits(self, html: bytes, markup: bytes) -> list[Edit]:
        """Return the edits of *html* that leave it with *markup* as its one pixel."""
        if not self.place.removals:
            for index, (start, end) in enumerate(self.own):
                if html[start:end] == markup:
                    # This very pixel is in already, perhaps where a placeholder was.
                    return _cuts(self.own[:index] + self.own[index + 1 :])
        if self.line_end is not None:
            kept = applied(html, self.cuts)
            before, after = line_breaks(kept, self.place.spot, len(markup))
            markup = self.line_end * before + markup + self.line_end * after
        edits = _moved(self.cuts, self.place, markup)
        return [edit for edit in edits if html[edit.start : edit.end] != edit.insert]


def plan_edits(
    html: bytes,
    placement: Placement,
    is_own_token: Callable[[str], bool],
    budget: Budget,
    *,
    line_end: bytes | None,
) -> Plan | Outcome:
    """Decide where in *html* a pixel goes, as if no pixel of ours were in it yet.

    *line_end* is given where lines are limited and the transfer encoding does
    not break them by itself.

    Raises:
        TooComplexError: it takes more steps than *budget* has.
    """
    own = find_own_pixels(html, is_own_token, budget)
    leaving = own
    if own and line_end is not None:
        leaving = (*own[:-1], _with_own_breaks(html, own[-1], placement, line_end, budget))
    cuts = tuple(_cuts(leaving))
    place = find_place(html, placement, budget, cuts=cuts)
    if isinstance(place, Outcome):
        return place
    return Plan(own=own, cuts=cuts, place=place, line_end=line_end)


def _cuts(spans: Iterable[tuple[int, int]]) -> list[Edit]:
    return [Edit(start=start, end=end, insert=b"") for start, end in spans]


def line_breaks(html: bytes, spot: int, size: int) -> tuple[int, int]:
    """Return how many line breaks *size* octets at *spot* need before and after them.

    None without need: a break is white space, and white space can show.
    """
    before = spot - (html.rfind(b"\n", 0, spot) + 1)
    end = html.find(b"\n", spot)
    after = len(html[spot : end if end >= 0 else len(html)].rstrip(b"\r"))
    if before + size + after <= MAX_LINE_OCTETS:
        return 0, 0
    if size + after <= MAX_LINE_OCTETS:
        return 1, 0
    if before + size <= MAX_LINE_OCTETS:
        return 0, 1
    return 1, 1


def _with_own_breaks(
    html: bytes, span: tuple[int, int], placement: Placement, line_end: bytes, budget: Budget
) -> tuple[int, int]:
    """Return the *span* of an own pixel with the line breaks that came with it.

    They are ours if rewriting the text without them would bring them back.
    """
    size = len(line_end)
    for before, after in ((1, 0), (0, 1), (1, 1)):
        start, end = span[0] - before * size, span[1] + after * size
        if html[max(start, 0) : span[0]] != line_end * before:
            continue
        if html[span[1] : end] != line_end * after:
            continue
        original = html[:start] + html[end:]
        if line_breaks(original, start, span[1] - span[0]) != (before, after):
            continue
        place = find_place(original, placement, budget)
        if isinstance(place, Place) and place.spot == start:
            return start, end
    return span


def _moved(cuts: Sequence[Edit], place: Place, markup: bytes) -> list[Edit]:
    """Return *cuts* and what *place* asks for as edits of the text that still has the cuts."""
    pixel = Edit(start=place.spot, end=place.spot, insert=markup)
    if not cuts and not place.removals:
        return [pixel]
    wanted = [*_cuts(place.removals), pixel]
    wanted.sort(key=_position)
    edits = list(cuts)
    moved = index = 0
    for edit in wanted:
        # What is put in stays before a cut that it touches; what is taken out begins
        # after it, and may have come together only because of a cut inside it.
        is_removal = edit.end > edit.start
        moved, index = _cut_before(cuts, edit.start + is_removal, moved, index)
        start = edit.start + moved
        moved, index = _cut_before(cuts, edit.end, moved, index)
        edits.append(Edit(start=start, end=edit.end + moved, insert=edit.insert))
    return _joined(sorted(edits, key=_position))


def _cut_before(cuts: Sequence[Edit], offset: int, moved: int, index: int) -> tuple[int, int]:
    """Return how many octets are cut before *offset* of the text without the cuts, by how many.

    The first *index* cuts, of *moved* octets, are known to be before it.
    """
    while index < len(cuts) and cuts[index].start - moved < offset:
        moved += cuts[index].end - cuts[index].start
        index += 1
    return moved, index


def _position(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def _joined(edits: Sequence[Edit]) -> list[Edit]:
    """Return *edits*, which are in order, with those that touch made one."""
    result: list[Edit] = []
    for edit in edits:
        if result and result[-1].end >= edit.start:
            last = result[-1]
            result[-1] = Edit(
                start=last.start, end=max(last.end, edit.end), insert=last.insert + edit.insert
            )
        else:
            result.append(edit)
    return result
