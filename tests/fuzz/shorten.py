"""Makes an input that shows something as short as it gets (delta debugging)."""

import time
from collections.abc import Callable
from typing import Final

# Each try is one rewriting, and mostly takes less than a millisecond.
MAX_TRIES: Final = 4_000

# A large message, or one whose page is parsed to be judged, takes much longer.  A
# worker that says nothing for a minute counts as one that hangs.
MAX_SECONDS: Final = 20


def shortened(
    raw: bytes, still_shows: Callable[[bytes], bool], *, clock: Callable[[], float] = time.monotonic
) -> bytes:
    """Return *raw* with everything left out that *still_shows* does not need.

    After `MAX_TRIES` or `MAX_SECONDS` it is the shortest so far.
    """
    tries = 0
    stop = clock() + MAX_SECONDS
    size = max(len(raw) // 2, 1)
    while size:
        at = 0
        was_shortened = False
        while at < len(raw):
            if tries == MAX_TRIES or clock() >= stop:
                return raw
            tries += 1
            less = raw[:at] + raw[at + size :]
            if still_shows(less):
                raw = less
                was_shortened = True
            else:
                at += size
        if not was_shortened or size > 1:
            size //= 2
    return raw
