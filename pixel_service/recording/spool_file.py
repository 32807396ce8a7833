"""The files of the spool: records one after another, each with its length and checksum.

    length  meaning
    4       length of the payload, big-endian
    4       CRC-32 of the payload
    ...     payload

A file ends where its last whole record ends: what a crash has torn off was never
promised to anyone.
"""

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct(">II")

# The longest payload that is believed: a token of 1,950 characters makes a
# notification of a few thousand octets.
MAX_PAYLOAD_OCTETS: Final = 1024 * 1024


class Contents(NamedTuple):
    """What a spool file holds."""

    payloads: list[bytes]
    is_damaged: bool
    """Whether a record in the middle is not what was written, so that the rest is lost."""


def frame(payloads: Iterable[bytes]) -> bytes:
    """Return *payloads* as records."""
    return b"".join(
        octets
        for payload in payloads
        for octets in (_HEAD.pack(len(payload), zlib.crc32(payload)), payload)
    )


def read(path: Path) -> Contents:
    """Return what the file *path* holds, up to its torn or damaged end."""
    octets = path.read_bytes()
    payloads: list[bytes] = []
    start = 0
    while start + _HEAD.size <= len(octets):
        length, checksum = _HEAD.unpack_from(octets, start)
        payload = octets[start + _HEAD.size : start + _HEAD.size + length]
        end = start + _HEAD.size + length
        if not 0 < length <= MAX_PAYLOAD_OCTETS or zlib.crc32(payload) != checksum:
            # What is torn off is at the end, or zeros up to it, which some file
            # systems leave where data did not arrive.
            is_torn = end >= len(octets) or not octets[start:].strip(b"\0")
            return Contents(payloads, is_damaged=not is_torn)
        payloads.append(payload)
        start += _HEAD.size + length
    return Contents(payloads, is_damaged=False)


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
