"""Memory that the processes of a service read and write together, and that is in no file."""

import mmap
import os
from collections.abc import Callable
from multiprocessing import reduction
from typing import Any, Final

# Not everywhere: elsewhere each process has memory of its own.
_CAN_SHARE: Final = hasattr(os, "memfd_create")


class SharedMemory:
    """Zeros at first.  A process that is started with it as an argument shares it."""

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        """Make memory of *size* octets, or take that of another process by its *descriptor*."""
        self._size = size
        if descriptor is None and _CAN_SHARE:
            descriptor = os.memfd_create("shared", os.MFD_CLOEXEC)
            os.ftruncate(descriptor, size)
        self._descriptor = descriptor
        self.octets = mmap.mmap(-1 if descriptor is None else descriptor, size)

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
