"""Files for their owner alone: what is read of them is checked, what is written appears whole."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

# Anybody but the owner; and of a file that is root's, those who could change it, too.
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_OF_ROOTS: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


class PrivateFileError(Exception):
    """A file cannot be used.  The text says which, and why, and nothing of what is in it."""


def read_private_file(path: Path, *, max_octets: int) -> bytes:
    """Return what is in *path*.

    Raises:
        PrivateFileError: it is missing, unreadable, too large, no regular file, or others
            have access to it.
    """
    return _read(path, max_octets, _check)


def read_file(path: Path, *, max_octets: int) -> bytes:
    """Return what is in *path*, whoever has access to it.

    Raises:
        PrivateFileError: it is missing, unreadable, too large, or no regular file.
    """
    return _read(path, max_octets, _check_kind)


def _read(path: Path, max_octets: int, check: Callable[[Path, os.stat_result], None]) -> bytes:
    try:
        # Not waiting for whoever would write into a FIFO.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            check(path, os.fstat(descriptor))
        except PrivateFileError:
            os.close(descriptor)
            raise
        with os.fdopen(descriptor, "rb") as file:
            octets = file.read(max_octets + 1)
    except OSError as error:
        raise PrivateFileError(f"{path}: {error.strerror}") from error
    if len(octets) > max_octets:
        raise PrivateFileError(f"{path}: larger than {max_octets:,} octets")
    return octets


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileError(f"{path}: not a regular file")


def _check(path: Path, status: os.stat_result) -> None:
    _check_kind(path, status)
    mode = stat.S_IMODE(status.st_mode)
    # Whoever runs as root, as containers like to, is trusted with everybody's files.
    is_own = os.geteuid() in (status.st_uid, 0)
    if not is_own and status.st_uid != 0:
        raise PrivateFileError(f"{path}: belongs to somebody else")
    # An orchestrator's secrets are root's, and their group is who may read them.
    if mode & (_OTHERS if is_own else _OTHERS_OF_ROOTS):
        raise PrivateFileError(f"{path}: others have access (mode {mode:04o}): chmod 600 it")


def write_private_file(path: Path, octets: bytes, *, replace: bool = True) -> None:
    """Write *octets* to *path*, for its owner alone (mode 0600).

    The file appears whole or not at all, also when two processes write at once.

    Raises:
        FileExistsError: it exists and *replace* is false.
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
