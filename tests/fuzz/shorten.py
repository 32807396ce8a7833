"""Makes an input that shows something as short as it gets (delta debugging)."""

from collections.abc import Callable
from typing import Final

# Each try is one rewriting; a finding is worth some seconds.
MAX_TRIES: Final = 4_000


def shortened(raw: bytes, still_shows: Callable[[bytes], bool]) -> bytes:
    """Return *raw* with everything left out that *still_shows* does not need."""
    tries = 0
    size = max(len(raw) // 2, 1)
    while size and tries < MAX_TRIES:
        at = 0
        was_shortened = False
        while at < len(raw) and tries < MAX_TRIES:
            less = raw[:at] + raw[at + size :]
            tries += 1
            if still_shows(less):
                raw = less
                was_shortened = True
            else:
                at += size
        if not was_shortened or size > 1:
            size //= 2
    return raw
