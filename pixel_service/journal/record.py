"""Records: what a segment holds, one after another.

    length  meaning (integers are big-endian)
    3       marker
    1       kind: see `Kind`
    4       length of the payload
    8       sequence number, from 1, without gaps within a journal
    4       how many records of its batch stand before it
    4       CRC-32 of the payload
    4       CRC-32 of the 24 octets before
    ...     payload

Both checksums begin with the CRC-32 of the journal's ID, so that what another journal
wrote is not taken for a record.  The head has a checksum of its own, so that a flipped
bit in a length is not taken for a torn end, and so that reading can go on at the next
head.

A batch is synced as a whole before the next one is written.  So whoever sees a record
of a later batch knows that everything before that batch was promised.
"""

import enum
import struct
import zlib
from collections.abc import Iterable
from typing import Final, NamedTuple

_MARKER: Final = b"\xe5\x0aJ"
_FIELDS: Final = struct.Struct(">3sBIQII")
_CHECKSUM: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(_FIELDS.format + "I")

HEAD_OCTETS: Final = _HEAD.size

# The longest payload that is believed: a token of 1,950 characters makes an open of a
# few thousand octets.
MAX_PAYLOAD_OCTETS: Final = 1024 * 1024


class Kind(enum.IntEnum):
    """What a record is."""

    ENTRY = 1
    """Its payload was appended by somebody."""

    FILLER = 2
    """Nothing.  It stands where a sync had nothing to carry and took its time all the same."""


# Here, because Python 3.11 takes long to find a member of an enumeration.
_ENTRY_KIND: Final = int(Kind.ENTRY)
_FILLER_KIND: Final = int(Kind.FILLER)


class Head(NamedTuple):
    """What stands before a payload."""

    kind: int
    length: int
    sequence: int
    place: int
    """How many records of its batch stand before it."""
    checksum: int

    @property
    def batch_start(self) -> int:
        """Sequence number of the first record of the batch: all before it was synced."""
        return self.sequence - self.place


def seed_of(journal_id: bytes) -> int:
    """Return what the checksums of a journal begin with."""
    return zlib.crc32(journal_id)


# About as long as an entry, so that a sync takes as long without one.
_FILLER: Final = bytes(640)


def frame(payloads: Iterable[bytes], *, first: int, seed: int) -> bytes:
    """Return *payloads* as the records of one batch, numbered from *first*.

    An empty payload becomes a filler.
    """
    parts: list[bytes] = []
    for place, entry in enumerate(payloads):
        number, payload = (_ENTRY_KIND, entry) if entry else (_FILLER_KIND, _FILLER)
        checksum = zlib.crc32(payload, seed)
        fields = _FIELDS.pack(_MARKER, number, len(payload), first + place, place, checksum)
        parts += (fields, _CHECKSUM.pack(zlib.crc32(fields, seed)), payload)
    return b"".join(parts)


def head_at(octets: bytes, start: int, seed: int) -> Head | None:
    """Return the head that stands at *start* of *octets*; None if none does."""
    if len(octets) < start + HEAD_OCTETS:
        return None
    marker, kind, length, sequence, place, checksum, own = _HEAD.unpack_from(octets, start)
    if marker != _MARKER or zlib.crc32(octets[start : start + _FIELDS.size], seed) != own:
        return None
    # By position, because one is made for every record.
    head = Head(kind, length, sequence, place, checksum)
    return head if length <= MAX_PAYLOAD_OCTETS else None


def payload_of(octets: bytes, start: int, head: Head, seed: int) -> bytes | None:
    """Return the payload of *head*, which stands at *start*; None if it is not what was written."""
    begin = start + HEAD_OCTETS
    payload = octets[begin : begin + head.length]
    if len(payload) < head.length or zlib.crc32(payload, seed) != head.checksum:
        return None
    return payload


def next_whole(octets: bytes, start: int, seed: int) -> tuple[int, Head] | None:
    """Return where the first whole record at or after *start* stands; None if there is none."""
    place = octets.find(_MARKER, start)
    while place >= 0:
        head = head_at(octets, place, seed)
        if head is not None and payload_of(octets, place, head, seed) is not None:
            return place, head
        place = octets.find(_MARKER, place + 1)
    return None
