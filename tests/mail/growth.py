"""What grows faster than its input, told by processor time at two sizes: no clock, no limit."""

import gc
import time
from collections.abc import Callable
from typing import Final

# The larger input has four times the size: linear work takes 4 times as long, quadratic 16.
FACTOR: Final = 4
MOST_GROWTH: Final = 8

# The best of so many counts: what else the machine does only makes it longer.
_ROUNDS: Final = 3
_TRIES: Final = 4

# Less than this is noise: a few hundred steps of Python.
_GRAIN_SECONDS: Final = 0.0005


def growth(make: Callable[[int], bytes], work: Callable[[bytes], object], size: int) -> float:
    """Return how many times as much processor time *work* takes of four times *size*."""
    small, large = (_seconds(work, make(each)) for each in (size, FACTOR * size))
    return large / max(small, _GRAIN_SECONDS)


def grows_too_fast(
    make: Callable[[int], bytes], work: Callable[[bytes], object], size: int
) -> bool:
    """Say whether *work* takes over 8 times as long of four times *size*, whenever it is tried."""
    return all(growth(make, work, size) > MOST_GROWTH for _ in range(_TRIES))


def _seconds(work: Callable[[bytes], object], raw: bytes) -> float:
    best = float("inf")
    was_enabled = gc.isenabled()
    # What it looks through is everything that the tests' process holds.
    gc.disable()
    try:
        for _ in range(_ROUNDS):
            began = time.thread_time()
            work(raw)
            best = min(best, time.thread_time() - began)
    finally:
        if was_enabled:
            gc.enable()
    return best
