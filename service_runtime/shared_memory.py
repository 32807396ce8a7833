"""Memory that the processes of a service read and write together, and that is in no file."""

import mmap
import os
from collections.abc import Callable
from multiprocessing import reduction
from typing import Any


class SharedMemory:
    """Zeros at first.  A process that is started with it as an argument shares it.

    Where the system cannot do that, or does not allow it, each process has memory of its own.
    """

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        """Make memory of *size* octets, or take that of another process by its *descriptor*."""
        self._size = size
        self._descriptor = _memory_file(size) if descriptor is None else descriptor
        self.octets = mmap.mmap(-1 if self._descriptor is None else self._descriptor, size)

    def __reduce__(self) -> tuple[Callable[..., "SharedMemory"], tuple[Any, ...]]:
        if self._descriptor is None:
            return SharedMemory, (self._size,)
        return _attached, (self._size, reduction.DupFd(self._descriptor))

    def close(self) -> None:
        """Give it back; what other processes have of it stays."""
        self.octets.close()
        if self._descriptor is not None:
            os.close(self._descriptor)


def _attached(size: int, descriptor: Any) -> SharedMemory:  # noqa: ANN401 - of no public type
    return SharedMemory(size, descriptor.detach())


def _memory_file(size: int) -> int | None:
    """Return the descriptor of a file of *size* octets that is in memory alone, None if none."""
    try:
        descriptor = os.memfd_create("shared", os.MFD_CLOEXEC)
    except (AttributeError, OSError):
        return None
    os.ftruncate(descriptor, size)
    return descriptor
