"""One process at a time has an SQLite log open for writing: competing writers starve each other."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pixel_service.errors import LogUnavailable
from service_runtime.file_lock import file_lock


@contextlib.contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Be the process that writes the log *path*, for the time of the block.

    Raises:
        LogUnavailable: another process is.
        OSError: the file beside the log that is locked cannot be opened.
    """
    with file_lock(path.with_name(f"{path.name}.lock")) as is_ours:
        if not is_ours:
            raise LogUnavailable("a process has the log open: stop the service first")
        yield
