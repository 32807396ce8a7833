"""Writes batches into segments, and into a new one whenever the disk has failed.

After a failed sync nobody knows what the file holds: the system may have dropped what it
could not write, and a second sync would succeed without it. So such a file is never
written again, and the batch is written once more, from memory, under the same numbers,
into a new one. A file that has nothing else goes when the next attempt has been made, so
that a disk that fails for long is not filled with such files. Until then it stays: that it is
there tells a reader that the write before it failed.
"""

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from pixel_service.journal.disk import Disk
from pixel_service.journal.record import frame, seed_of
from pixel_service.journal.segment import (
    HEADER_OCTETS,
    SEGMENT_OCTETS,
    VERSION,
    Header,
    header_octets,
    segment_path,
    segments_of,
)

_ATTEMPTS: Final = 2  # in the present segment, and in a new one

logger = structlog.get_logger()


class SegmentWriter:
    """Writes one journal.  Use one thread at a time."""

    def __init__(
        self,
        folder: Path,
        journal_id: bytes,
        *,
        disk: Disk,
        max_octets: int,
        segment_octets: int = SEGMENT_OCTETS,
    ) -> None:
        self._folder = folder
        self._journal_id = journal_id
        self._seed = seed_of(journal_id)
        self._disk = disk
        self._max_octets = max_octets
        self._segment_octets = segment_octets
        self._number = 0
        self._next_sequence = 1
        self._descriptor: int | None = None
        self._offset = self._end = 0
        self.begun: float | None = None
        """When the present segment was first written into, by the monotonic clock."""
        # A filler that failed may be readable all the same: its number is taken.
        self._owes_filler = False
        # A segment that holds nothing but a batch that failed.
        self._failed: Path | None = None
        # A disk that fails is tried several times a second, and said to fail once.
        self._cause_said = ""

    def write(self, payloads: Sequence[bytes]) -> None:
        """Write *payloads* as one batch; durable on return.  None of them: a filler.

        Raises:
            OSError: the disk does not take them.  Some may be readable all the same, so
                the next call must begin with the same payloads.
        """
        fillers = [b""] if self._owes_filler or not payloads else []
        batch = [*fillers, *payloads]
        octets = frame(batch, first=self._next_sequence, seed=self._seed)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._write(octets)
                break
            except OSError as error:
                self._leave_segment(error)
                if attempt == _ATTEMPTS:
                    self._owes_filler = bool(fillers)
                    raise
        self._owes_filler = False
        self._cause_said = ""
        self._remove_failed()
        self._next_sequence += len(batch)

    def _write(self, octets: bytes) -> None:
        if self._descriptor is None or self._offset + len(octets) > self._end:
            descriptor = self._begin_segment(len(octets))
        else:
            descriptor = self._descriptor
        self._disk.write(descriptor, octets, self._offset)
        self._disk.sync(descriptor)
        self._offset += len(octets)
        if self.begun is None:
            self.begun = time.monotonic()

    def _begin_segment(self, octets: int) -> int:
        size = max(self._segment_octets, HEADER_OCTETS + octets)
        if self.octets() + size > self._max_octets:
            raise OSError(errno.EDQUOT, "the journal has its full size")
        # Whatever becomes of this attempt, its number is not used again.
        self._number += 1
        header = Header(VERSION, self._journal_id, self._number, self._next_sequence)
        path = segment_path(self._folder, self._number)
        descriptor = self._disk.create(path, size, header_octets(header))
        # Not before: a disk that has no room for a new one has the rest of the present one.
        self.close()
        self._descriptor = descriptor
        self._offset, self._end = HEADER_OCTETS, size
        self.begun = None
        return descriptor

    def _leave_segment(self, error: OSError) -> None:
        cause = os.strerror(error.errno or 0)
        if cause != self._cause_said:
            self._cause_said = cause
            logger.error("journal cannot be written", segment=self._number, cause=cause)
        self._remove_failed()
        if self._descriptor is not None and self._offset == HEADER_OCTETS:
            self._failed = segment_path(self._folder, self._number)
        self.close()

    def _remove_failed(self) -> None:
        if self._failed is not None:
            self._disk.remove(self._failed)
            self._failed = None

    def rotate(self) -> None:
        """Begin a new segment, so that the others can be removed once they are recorded.

        Raises:
            OSError: the disk does not take one.
        """
        if segments_of(self._folder):
            self._begin_segment(0)

    def octets(self) -> int:
        """Return the size of the segments that are there."""
        return sum(_size_of(path) for _, path in segments_of(self._folder))

    def close(self) -> None:
        """Close the segment that is being written."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            self._disk.close(descriptor)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # recorded and removed since it was listed
        return 0
