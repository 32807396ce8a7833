"""What the journal asks of the operating system to write: one place, so that tests can break it."""

import contextlib
import os
from pathlib import Path
from typing import Final

# What the disk must have left for the process to be ready: some minutes of opens, and
# what everything else on it needs to end in order.
MIN_FREE_OCTETS: Final = 256 * 1024 * 1024

_EMPTY: Final = b""


class Disk:
    """Files that are written durably.  Every call but `remove` may raise OSError."""

    def create(self, path: Path, octets: int, start: bytes) -> int:
        """Make the file *path* with room for *octets*, beginning with *start*; durable on return.

        Returns:
            Its descriptor.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Its size is final from now on, so that a sync of data need not write it.
            os.posix_fallocate(descriptor, 0, octets)
            self.write(descriptor, start, 0)
            os.fsync(descriptor)
            sync_folder(path.parent)
        except OSError:
            os.close(descriptor)
            self.remove(path)
            raise
        return descriptor

    def write(self, descriptor: int, octets: bytes, offset: int) -> None:
        """Write *octets* at *offset*, whole."""
        written = os.pwrite(descriptor, octets, offset)
        while written < len(octets):
            written += os.pwrite(descriptor, octets[written:], offset + written)

    def sync(self, descriptor: int) -> None:
        """Make what was written durable."""
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file that holds nothing; if that fails it stays, and harms nobody."""
        with contextlib.suppress(OSError):
            path.unlink()

    def free_octets(self, folder: Path) -> int:
        """Return how much more the disk of *folder* holds."""
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
