"""Where the marks of an axis are."""

import math
from collections.abc import Sequence
from typing import Final

# What people count in.
_STEPS: Final = (1, 2, 5, 10)


def value_marks(highest: int, *, most: int = 4) -> Sequence[int]:
    """Return whole numbers from 0 to at least *highest*, at equal steps of 1, 2 or 5 tens.

    There is always one above 0, so that an axis has a length, and no more than *most* and one.
    """
    highest = max(highest, 1)
    rough = highest / most
    magnitude = 10 ** max(0, math.floor(math.log10(rough)))
    step = next(each * magnitude for each in _STEPS if each * magnitude >= rough)
    return range(0, math.ceil(highest / step) * step + 1, step)


def labelled(length: int, *, most: int = 5) -> Sequence[int]:
    """Return which of *length* places get a label: the first, and others at equal distances."""
    if length <= 0:
        return ()
    return range(0, length, math.ceil(length / most))
