"""Keeps the garbage collector from looking at what lives as long as the process."""

import gc


def keep_start_up() -> None:
    """Take everything that exists now out of all later collections.

    Call it once, when a process has started. Modules, compiled patterns and
    descriptors are hundreds of thousands of objects; a full collection that visits
    them stops everything for a quarter of a second (measured), which is as long as
    a pixel may wait for the log.
    """
    gc.collect()
    gc.freeze()
