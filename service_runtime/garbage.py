"""Keeps the garbage collector from looking at what lives as long as the process."""

import gc
from typing import Final

# Objects that are made until the collector looks for cycles. Requests leave none behind,
# but each makes dozens of objects, and at Python's 700 the collector looks after every
# few of them. Without it recording an open took 90 us of the main thread instead of 102
# (one comparison). 50,000 objects that nobody frees in between are about 10 MB.
_YOUNG_OBJECTS: Final = 50_000


def keep_start_up() -> None:
    """Take everything that exists now out of all later collections, and collect less often.

    Call it once, when a process has started. Modules, compiled patterns and
    descriptors are hundreds of thousands of objects; a full collection that visits
    them stops everything for a quarter of a second (measured), which is as long as
    a pixel may wait for the log.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
