"""Reads one segment, also while another process writes it."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from pixel_service.journal.record import (
    HEAD_OCTETS,
    MAX_PAYLOAD_OCTETS,
    Head,
    head_at,
    next_whole,
    payload_of,
)
from pixel_service.journal.segment import HEADER_OCTETS, VERSION, read_header

# What is read at once: at first what a few fetches leave, in a backlog more.
_SMALL_WINDOW: Final = 64 * 1024
_LARGE_WINDOW: Final = 1024 * 1024

_LONGEST_RECORD: Final = HEAD_OCTETS + MAX_PAYLOAD_OCTETS

# What power loss keeps or forgets at once, at the least.
_SECTOR_ZEROS: Final = bytes(512)

# A head that was written begins with a marker and ends with two checksums.
_HEAD_END_ZEROS: Final = bytes(8)


class Record(NamedTuple):
    """One record that is what was written."""

    head: Head
    payload: bytes


class SegmentReader:
    """A segment that is open for reading."""

    def __init__(self, path: Path, number: int, *, seed: int) -> None:
        self.path = path
        self.number = number
        self._seed = seed
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._offset = HEADER_OCTETS
        self._window = _SMALL_WINDOW
        octets = os.pread(self._descriptor, HEADER_OCTETS, 0)
        header = read_header(octets)
        self.is_of_future = header is not None and header.version > VERSION
        # All zeros: a crash came before anything of it had reached the disk.
        self.is_damaged = header is None and bool(octets.strip(b"\0"))

    def records(self) -> list[Record]:
        """Return the next records, up to the first that is not whole; none at the end."""
        octets = self._read(self._window)
        records, consumed = self._parse(octets)
        if not records and len(octets) == self._window:
            octets = self._read(_LONGEST_RECORD)
            records, consumed = self._parse(octets)
        self._offset += consumed
        self._window = _LARGE_WINDOW if 2 * consumed > self._window else _SMALL_WINDOW
        return records

    def _parse(self, octets: bytes) -> tuple[list[Record], int]:
        records = []
        start = 0
        while (head := head_at(octets, start, self._seed)) is not None:
            payload = payload_of(octets, start, head, self._seed)
            if payload is None:
                break
            records.append(Record(head, payload))
            start += HEAD_OCTETS + head.length
        return records, start

    def _read(self, octets: int) -> bytes:
        return os.pread(self._descriptor, octets, self._offset)

    def is_at_zeros(self) -> bool:
        """Return whether nothing was written where the next record would stand."""
        return not self._read(HEAD_OCTETS).strip(b"\0")

    def rest(self) -> bytes:
        """Return everything from here on."""
        return self._read(max(0, os.fstat(self._descriptor).st_size - self._offset))

    def next_whole(self, rest: bytes) -> tuple[int, Head] | None:
        """Return how far into *rest* the next whole record stands, and its head."""
        return next_whole(rest, 0, self._seed)

    def is_torn(self, rest: bytes) -> bool:
        """Return whether *rest* begins with a record that was never written to its end.

        Where octets did not reach the disk there are the zeros that a segment is made of.
        """
        head = head_at(rest, 0, self._seed)
        if head is None:
            found = rest[:HEAD_OCTETS]
            return found.startswith(_HEAD_END_ZEROS) or found.endswith(_HEAD_END_ZEROS)
        written = rest[: HEAD_OCTETS + head.length]
        return written.endswith(b"\0") or _SECTOR_ZEROS in written

    def skip(self, octets: int) -> None:
        """Go on so many *octets* further."""
        self._offset += octets

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)
