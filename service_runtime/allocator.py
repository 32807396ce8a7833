"""Tells the C allocator to keep large blocks.

A message of megabytes is allocated, filled and freed at every call.  By default
glibc gives such blocks back to the system, and every next call pays for the page
faults again: a call with 25 MB takes twice as long (`python -m
benchmarks.allocator`).
"""

import ctypes
import platform
from typing import Final

# Parameter numbers of mallopt(3), from <malloc.h>.
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3

# 32 MiB is the most that glibc takes as mmap threshold on 64-bit machines.
MMAP_THRESHOLD_OCTETS: Final = 32 * 1024 * 1024

# How much free memory at the top of the heap is kept: a few messages of the size
# limit of 50 MiB.
TRIM_THRESHOLD_OCTETS: Final = 512 * 1024 * 1024


def keep_large_blocks() -> bool:
    """Make large blocks stay with the process.  Return whether the allocator obeyed.

    Only glibc has the call; elsewhere this does nothing.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_OCTETS)
        and mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_OCTETS)
    )
