"""How processes that share an SQLite log talk to the one that writes.

A frame, integers big-endian:

    length  meaning
    4       length of the payload
    1       kind
    4       number of the request; 0 for HEAD
    ...     payload

Payloads: APPEND, opens one after another, each with its length in 4 octets; COMMAND,
JSON of its name and arguments; DONE, JSON of the result; FAILED, nothing; HEAD, the
newest sequence number in 8 octets.
"""

import asyncio
import contextlib
import enum
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pixel_service.open_log.open_codec import decode_open, encode_open
from pixel_service.open_log.values import OpenRecord

# A recorder's batch of 1,000 of the largest opens is 5 MB.
MAX_PAYLOAD_OCTETS: Final = 64 * 1024 * 1024

# What the address of a Unix socket may have, on every system.
_MAX_ADDRESS_OCTETS: Final = 100

_HEAD: Final = struct.Struct(">IBI")
_LENGTH: Final = struct.Struct(">I")
_SEQUENCE: Final = struct.Struct(">Q")


class Kind(enum.IntEnum):
    """What a frame says."""

    APPEND = 1
    COMMAND = 2
    DONE = 3
    FAILED = 4
    HEAD = 5


class Frame(NamedTuple):
    """One frame."""

    kind: Kind
    number: int
    payload: bytes


class WireError(Exception):
    """The other side does not speak as it should."""


def encode(frame: Frame) -> bytes:
    """Return the octets of *frame*."""
    return _HEAD.pack(len(frame.payload), frame.kind, frame.number) + frame.payload


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame; None when the other side has gone.

    Raises:
        WireError: what came is no frame.
    """
    try:
        length, kind, number = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        if length > MAX_PAYLOAD_OCTETS:
            raise WireError(f"a frame of {length} octets")
        return Frame(Kind(kind), number, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except ValueError as error:
        raise WireError(f"a frame of the unknown kind {kind}") from error


def encode_opens(opens: Sequence[OpenRecord]) -> bytes:
    """Return the payload that appends *opens*."""
    parts: list[bytes] = []
    for open_ in opens:
        octets = encode_open(open_, with_source=True)
        parts += (_LENGTH.pack(len(octets)), octets)
    return b"".join(parts)


def decode_opens(payload: bytes) -> list[OpenRecord]:
    """Return the opens of a payload.

    Raises:
        ValueError: it holds none.
    """
    opens = []
    start = 0
    while start < len(payload):
        (length,) = _LENGTH.unpack_from(payload, start)
        start += _LENGTH.size
        opens.append(decode_open(payload[start : start + length]))
        start += length
    return opens


def encode_sequence(sequence: int) -> bytes:
    """Return the payload that tells of *sequence*."""
    return _SEQUENCE.pack(sequence)


def decode_sequence(payload: bytes) -> int:
    """Return the sequence number that a payload tells of."""
    (sequence,) = _SEQUENCE.unpack(payload)
    return int(sequence)


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Lend the address of the socket *path*, also when the path is too long for one."""
    if len(os.fsencode(path)) <= _MAX_ADDRESS_OCTETS:
        yield str(path)
        return
    # Linux only; elsewhere the data folder must have a shorter path.
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
