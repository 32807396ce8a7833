"""Whether a file is still what it was when it was read."""

from pathlib import Path

FileState = tuple[int, ...] | None
"""What a name leads to; None if it leads to nothing."""


def file_state(path: Path) -> FileState:
    """Return what changes when *path* leads elsewhere, or the file is written or given to others.

    Its owner and mode count, too: a file that could not be read for them is mended so.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return (
        found.st_dev,
        found.st_ino,
        found.st_mtime_ns,
        found.st_size,
        found.st_mode,
        found.st_uid,
        found.st_gid,
    )
