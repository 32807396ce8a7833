"""The folder of a service's own data: keys, recipients, addresses.  It is its owner's alone."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

import structlog

# What others, and the group, may do with a file.
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

logger = structlog.get_logger()


class DataFolderError(Exception):
    """The folder cannot be used.  The text says which, and why."""


def make_files_private() -> None:
    """Make what this process and its children create from now on their owner's alone.

    For the beginning of a program: other threads would create files meanwhile.
    """
    os.umask(_OTHERS)


def prepare_data_folder(folder: Path) -> None:
    """Make *folder* if it is missing; see that it can be written to, and by nobody else.

    What others have access to is taken from them, and the log says so once.

    Raises:
        DataFolderError: it cannot be made or written to.
    """
    try:
        folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        # Tried, because permissions do not tell: the file system may be read-only.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataFolderError(f"data folder {folder}: {error.strerror}") from error
    narrowed, kept = _narrow(folder)
    if narrowed:
        logger.warning("others had access to the data folder", folder=str(folder), taken=narrowed)
    if kept:
        logger.warning(
            "others have access to the data folder, and it is not ours to change",
            folder=str(folder),
            files=kept,
        )


def _narrow(folder: Path) -> tuple[int, int]:
    """Take *folder* and all in it from others; return how many files were taken, and were not.

    From above: once a folder is closed nobody else can put a link where a file was.
    """
    outcomes = [_narrow_one(folder)]
    for parent, folders, files in os.walk(folder):
        outcomes += [_narrow_one(Path(parent, name)) for name in (*folders, *files)]
    return outcomes.count(True), outcomes.count(False)


def _narrow_one(path: Path) -> bool | None:
    """Take *path* from others; return whether that went well, None if there was no need."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) or not mode & _OTHERS:
            return None
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
    except FileNotFoundError:
        # Of the other service, or of one that ends.
        return None
    except OSError:
        return False
    return True
