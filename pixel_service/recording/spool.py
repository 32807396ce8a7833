"""A place on the local disk for opens that the log does not take.

A folder with one slot per process, each claimed by a lock that ends with the
process.  A slot holds files of a few MiB, written one after the other and removed
oldest first.  Whoever opens the spool also takes over what dead processes left.

Every function here blocks on the disk; `Recorder` calls them in one thread.
"""

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import structlog

from pixel_service.open_log import OpenRecord
from pixel_service.open_log.open_codec import decode_open, encode_open
from pixel_service.recording import spool_file

# A million opens of a thousand octets: most of an hour at 300 opens a second.
DEFAULT_MAX_OCTETS: Final = 1024 * 1024 * 1024

# One file.  Small enough to be drained in one go, large enough that a full spool is
# a few hundred files.
MAX_FILE_OCTETS: Final = 4 * 1024 * 1024

# Processes that may share a spool.
_MAX_SLOTS: Final = 256

_log = structlog.get_logger()


class SpoolFull(Exception):
    """The spool holds as much as it may."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpooledOpens:
    """What one file of the spool holds."""

    path: Path
    opens: Sequence[OpenRecord]
    is_damaged: bool
    """Whether there was more, which cannot be read."""


class Spool:
    """One slot of the spool, claimed by this process.  Use one thread at a time."""

    def __init__(self, slot: Path, *, max_octets: int = DEFAULT_MAX_OCTETS) -> None:
        self._slot = slot
        self._max_octets = max_octets
        self._descriptor: int | None = None
        self._next = 1 + max((_number_of(path) for path in self._files()), default=0)
        self._current = self._path(self._next)
        self._current_octets = 0
        self.octets = sum(path.stat().st_size for path in self._files())
        """What the spool holds."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be drained."""
        return self.octets == 0

    def append(self, opens: Sequence[OpenRecord]) -> None:
        """Write *opens*; durable on return.  Their source keys are not written.

        Raises:
            SpoolFull: there is no room.
            OSError: the disk failed.  Some of the opens may come back all the same.
        """
        octets = spool_file.frame(encode_open(open_, with_source=False) for open_ in opens)
        if self.octets + len(octets) > self._max_octets:
            raise SpoolFull(f"the spool holds {self.octets} octets")
        if self._descriptor is None or self._current_octets + len(octets) > MAX_FILE_OCTETS:
            self._begin_file()
        try:
            self._write(octets)
        except OSError:
            # Nobody knows what the file now ends with: never append to it.
            self._end_file()
            raise

    def oldest(self) -> SpooledOpens | None:
        """Return the oldest file's opens; None if the spool is empty.

        The file takes no more opens afterwards.
        """
        paths = self._files()
        if not paths:
            return None
        if paths[0] == self._current:
            self._end_file()
        contents = spool_file.read(paths[0])
        return SpooledOpens(
            path=paths[0],
            opens=[decode_open(payload) for payload in contents.payloads],
            is_damaged=contents.is_damaged,
        )

    def remove(self, spooled: SpooledOpens) -> None:
        """Remove a file that `oldest` returned: its opens are in the log.

        A damaged one is only set aside: perhaps somebody can read more of it.
        """
        self.octets -= spooled.path.stat().st_size
        if spooled.is_damaged:
            _log.error("spool file damaged", file=spooled.path.name, kept=len(spooled.opens))
            spooled.path.rename(spooled.path.with_suffix(".damaged"))
        else:
            spooled.path.unlink()

    def close(self) -> None:
        """Close the file that is being written."""
        self._end_file()

    def adopt(self, other: Path) -> None:
        """Take over the files of the slot *other*, whose process is gone."""
        for path in sorted(other.glob("*.spool")):
            self.octets += path.stat().st_size
            path.rename(self._path(self._next))
            self._next += 1
        spool_file.sync_folder(self._slot)
        spool_file.sync_folder(other)

    def _write(self, octets: bytes) -> None:
        descriptor = self._descriptor
        if descriptor is None:
            raise OSError("the spool's file is not open")
        view = memoryview(octets)
        while view:
            written = os.write(descriptor, view)
            self._current_octets += written
            self.octets += written
            view = view[written:]
        os.fdatasync(descriptor)

    def _begin_file(self) -> None:
        self._end_file()
        self._current = self._path(self._next)
        self._next += 1
        self._descriptor = os.open(self._current, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        spool_file.sync_folder(self._slot)

    def _end_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
        self._current_octets = 0

    def _path(self, number: int) -> Path:
        return self._slot / f"{number:012}.spool"

    def _files(self) -> list[Path]:
        return sorted(self._slot.glob("*.spool"))


@contextlib.contextmanager
def open_spool(folder: Path, *, max_octets: int = DEFAULT_MAX_OCTETS) -> Iterator[Spool]:
    """Claim a slot of the spool in *folder*, and what dead processes left in others.

    Raises:
        OSError: the folder cannot be used, or all slots are taken.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    spool_file.sync_folder(folder.parent)
    with contextlib.ExitStack() as stack:
        slot = next(
            (slot for slot in _slots(folder) if _claim(slot, stack)),
            None,
        )
        if slot is None:
            raise OSError(f"all {_MAX_SLOTS} slots of the spool are taken")
        spool = Spool(slot, max_octets=max_octets)
        stack.callback(spool.close)
        for other in sorted(folder.glob("slot-*")):
            with contextlib.ExitStack() as claim:
                if other != slot and any(other.glob("*.spool")) and _claim(other, claim):
                    spool.adopt(other)
        yield spool


def _slots(folder: Path) -> Iterator[Path]:
    return (folder / f"slot-{number:03}" for number in range(_MAX_SLOTS))


def _claim(slot: Path, stack: contextlib.ExitStack) -> bool:
    """Lock *slot* until *stack* ends; return whether it was free."""
    if not slot.is_dir():
        slot.mkdir(exist_ok=True, mode=0o700)
        spool_file.sync_folder(slot.parent)
    descriptor = os.open(slot / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    stack.callback(os.close, descriptor)
    return True


def _number_of(path: Path) -> int:
    return int(path.stem)
