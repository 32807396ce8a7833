"""Spans of a text that are in order and apart: which one a place is in, or after."""

import bisect
from collections.abc import Sequence


def span_before(spans: Sequence[tuple[int, int]], at: int) -> tuple[int, int]:
    """Return the last of *spans* that begins before *at*, or an empty one at 0."""
    index = bisect.bisect_right(spans, (at, at)) - 1
    return spans[index] if index >= 0 else (0, 0)


def is_in(spans: Sequence[tuple[int, int]], at: int) -> bool:
    """Say whether *at* is inside one of *spans*."""
    return at < span_before(spans, at)[1]
