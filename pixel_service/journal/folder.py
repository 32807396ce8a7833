"""The folder of all journals on a machine: who writes which, who records them.

lock          held by the process that records
wake          a named pipe: see `wake`
damaged/      segments of which something could not be read
<ID>/         one journal, of one process's life; its ID in hexadecimal
  lock        held by the process that writes it, for as long as it lives
  rotate      there while a new segment is asked for
  *.segment
"""

import contextlib
import dataclasses
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pixel_service.journal.disk import sync_folder
from pixel_service.journal.segment import rotation_request, segments_of
from service_runtime.file_lock import file_lock

# When it was made, in milliseconds, and what makes it unique.
_TIME_OCTETS: Final = 6
_CHANCE_OCTETS: Final = 10
_ID: Final = re.compile(r"[0-9a-f]{32}")
_LOCK: Final = "lock"
_DAMAGED: Final = "damaged"
_MAKING: Final = "making-"

# A journal that is being made is without its lock for an instant. Whoever took the lock
# then would take the journal for left, and its writer would never have it.
_MAKING_SECONDS: Final = 60


class JournalsBusy(Exception):
    """Another process records the journals of this folder."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundJournal:
    """A journal that is there to be read."""

    folder: Path

    @property
    def id(self) -> str:
        """The journal's ID in hexadecimal."""
        return self.folder.name

    def is_abandoned(self) -> bool:
        """Return whether the process that wrote it is gone."""
        try:
            with file_lock(self.folder / _LOCK) as is_ours:
                return is_ours
        except FileNotFoundError:
            return True

    def segments(self) -> list[Path]:
        """Return the files that its entries are in."""
        return [path for _, path in segments_of(self.folder)] if self.folder.is_dir() else []

    def ask_for_new_segment(self) -> None:
        """Ask the process that writes it to begin a new segment."""
        rotation_request(self.folder).touch(mode=0o600)

    def set_aside(self, path: Path) -> None:
        """Keep the segment *path* where nobody reads it on, for whoever can make more of it."""
        damaged = self._damaged()
        # It may be gone: a writer removes a segment that it could not write into.
        with contextlib.suppress(FileNotFoundError):
            path.rename(damaged / f"{self.id}-{path.name}")
            # Still there if it was kept before: both names are of one file then (rename(2)).
            path.unlink(missing_ok=True)
        sync_folder(damaged)
        sync_folder(self.folder)

    def keep(self, path: Path) -> None:
        """Keep the segment *path*, which is read and perhaps written on, there as well."""
        # Where the disk cannot, it is set aside when it is read, if no crash comes first.
        with contextlib.suppress(OSError):
            damaged = self._damaged()
            (damaged / f"{self.id}-{path.name}").hardlink_to(path)
            sync_folder(damaged)

    def _damaged(self) -> Path:
        damaged = self.folder.parent / _DAMAGED
        damaged.mkdir(exist_ok=True, mode=0o700)
        return damaged

    def remove(self) -> None:
        """Remove what is left of it: its process is gone, and everything is recorded."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Journals:
    """The folder *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def pipe(self) -> Path:
        """Where the pipe is by which writers wake the reader."""
        return self.folder / "wake"

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            OSError: it cannot be used.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(self.folder.parent)

    @contextlib.contextmanager
    def new_journal(self) -> Iterator[tuple[Path, bytes]]:
        """Make a journal that is ours to write inside the block; give its folder and its ID.

        Raises:
            OSError: the folder cannot be used.
        """
        self.prepare()
        # In the order of time, so that what a process left behind is read before what its
        # successor writes.
        milliseconds = time.time_ns() // 1_000_000
        journal_id = milliseconds.to_bytes(_TIME_OCTETS) + secrets.token_bytes(_CHANCE_OCTETS)
        # Under its name only when it is locked: else the reader takes it for abandoned.
        making = self.folder / f"{_MAKING}{journal_id.hex()}"
        making.mkdir(mode=0o700)
        with contextlib.ExitStack() as stack:
            stack.enter_context(file_lock(making / _LOCK))
            folder = making.rename(self.folder / journal_id.hex())
            sync_folder(self.folder)
            yield folder, journal_id

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Be the one process that records, inside the block.

        Raises:
            JournalsBusy: another one does.
            OSError: the folder cannot be used.
        """
        self.prepare()
        with file_lock(self.folder / _LOCK) as is_ours:
            if not is_ours:
                raise JournalsBusy(f"another process records the journals in {self.folder}")
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what processes left that died while they made their journals."""
        for path in self.folder.glob(f"{_MAKING}*"):
            # One that was finished meanwhile is there under its own name.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime < _MAKING_SECONDS:
                    continue
                with file_lock(path / _LOCK) as is_ours:
                    if is_ours:
                        shutil.rmtree(path, ignore_errors=True)

    def found(self) -> list[FoundJournal]:
        """Return the journals that are there, those of dead processes among them, oldest first."""
        if not self.folder.is_dir():
            return []
        return [
            FoundJournal(folder=path)
            for path in sorted(self.folder.iterdir())
            if _ID.fullmatch(path.name) and path.is_dir()
        ]

    def damaged(self) -> list[Path]:
        """Return the segments that were set aside."""
        folder = self.folder / _DAMAGED
        return sorted(folder.iterdir()) if folder.is_dir() else []
