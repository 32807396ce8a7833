"""One process at a time has an SQLite log open for writing: competing writers starve each other."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pixel_service.errors import LogUnavailable


@contextlib.contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Be the process that writes the log *path*, for the time of the block.

    The lock ends with its process, whatever ends that.

    Raises:
        LogUnavailable: another process is.
        OSError: the file beside the log that is locked cannot be opened.
    """
    descriptor = os.open(
        path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LogUnavailable("a process has the log open: stop the service first") from None
        yield
    finally:
        os.close(descriptor)
