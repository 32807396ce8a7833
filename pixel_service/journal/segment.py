"""Segments: the files of a journal, of one size, written one after another.

A segment begins with 64 octets, integers big-endian:

    length  meaning
    8       magic
    4       version of the format
    16      ID of the journal
    8       number of the segment, from 1
    8       sequence number of its first record
    16      zeros
    4       CRC-32 of the 60 octets before

Records follow, and then zeros up to the end.
"""

import re
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

VERSION: Final = 1

_MAGIC: Final = b"EOPENJNL"
_FIELDS: Final = struct.Struct(">8sI16sQQ16x")
_CHECKSUM: Final = struct.Struct(">I")

HEADER_OCTETS: Final = _FIELDS.size + _CHECKSUM.size

# Some 20,000 opens: a second of the fastest endpoint. A segment is removed whole, so
# that a larger one would keep the disk longer, and a smaller one costs more syncs.
SEGMENT_OCTETS: Final = 16 * 1024 * 1024

_SUFFIX: Final = ".segment"
_NAME: Final = re.compile(r"(\d{12})\.segment")


class Header(NamedTuple):
    """What a segment begins with."""

    version: int
    journal_id: bytes
    number: int
    first_sequence: int


def header_octets(header: Header) -> bytes:
    """Return *header* as octets."""
    fields = _FIELDS.pack(_MAGIC, *header)
    return fields + _CHECKSUM.pack(zlib.crc32(fields))


def read_header(octets: bytes) -> Header | None:
    """Return the header that *octets* begin with; None if there is none, or it is damaged."""
    if len(octets) < HEADER_OCTETS or not octets.startswith(_MAGIC):
        return None
    (checksum,) = _CHECKSUM.unpack_from(octets, _FIELDS.size)
    if zlib.crc32(octets[: _FIELDS.size]) != checksum:
        return None
    return Header(*_FIELDS.unpack_from(octets)[1:])


def segment_path(folder: Path, number: int) -> Path:
    """Return where the segment *number* of the journal in *folder* is."""
    return folder / f"{number:012}{_SUFFIX}"


def segments_of(folder: Path) -> list[tuple[int, Path]]:
    """Return the segments in *folder* with their numbers, in order; nothing else that is there."""
    found = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is not None:
            found.append((int(match[1]), path))
    return sorted(found)


def rotation_request(folder: Path) -> Path:
    """Return the file by which a reader asks the writer of *folder* for a new segment."""
    return folder / "rotate"
