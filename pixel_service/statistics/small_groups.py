"""Which values of a dimension are told apart, so that no counts are of a few people alone."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pixel_service.open_log import Counts, StatisticsRow


class ToldApart(NamedTuple):
    """Which values are told apart."""

    values: Sequence[str]
    """Those with the most opens first."""

    has_rest: bool
    """Whether there are others, which are counted together."""


class _Size(NamedTuple):
    opens: int
    messages_tracked: int


def told_apart(rows: Iterable[StatisticsRow], *, min_group_size: int, max_values: int) -> ToldApart:
    """Return which values of *rows* are told apart.

    Small ones are not.  Nor is the smallest of the others if the rest would be one small
    value alone: whoever knows the total would subtract what is told.
    """
    sizes = _sizes(rows)
    ranked = sorted(sizes, key=lambda value: (*(-each for each in sizes[value]), value))
    large = [value for value in ranked if not is_small(*sizes[value], min_group_size)]
    kept = large[:max_values]
    rest = len(ranked) - len(kept)
    if rest == 1 and len(large) < len(ranked):
        kept = kept[:-1]
    return ToldApart(kept, has_rest=rest > 0)


def is_small(opens: int, messages_tracked: int, min_group_size: int) -> bool:
    """Return whether these are counts of a few messages alone.

    Where nothing is known of the messages that were tracked, opens stand for them.
    """
    return (messages_tracked or opens) < min_group_size


def _sizes(rows: Iterable[StatisticsRow]) -> dict[str, _Size]:
    """Return how large each value is in all."""
    nothing = _Size(0, 0)
    sizes: dict[str, _Size] = {}
    for row in rows:
        before, counts = sizes.get(row.value, nothing), row.counts
        sizes[row.value] = _Size(
            before.opens + counts.opens, before.messages_tracked + counts.messages_tracked
        )
    return sizes


def added_up(counts: Iterable[Counts]) -> Counts:
    """Return the sum of *counts*."""
    sums = dict.fromkeys(Counts.__slots__, 0)
    for each in counts:
        for name in sums:
            sums[name] += getattr(each, name)
    return Counts(**sums)
