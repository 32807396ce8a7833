"""Records in a memory of a fixed size, each at the place that its key gives."""

import struct
from typing import Any, Final, NamedTuple

from service_runtime.shared_memory import SharedMemory

# This span of time's, that of the span before, and an empty one for the next.
_PARTS: Final = 3

_TAG_OCTETS: Final = 8


# Of a key of 16 octets the last 12, which are a hash. Not of the first ones, in which keys of
# messages have a time.
_KEY: Final = struct.Struct(f"<4x{_TAG_OCTETS}sI")


class PlaceKey(NamedTuple):
    """What a record is of, made once for all that is asked of it."""

    tag: bytes
    """Tells it from others of the place; 8 octets."""

    number: int
    """Says the place."""


def place_of(key: bytes) -> PlaceKey:
    """Return what the record of a *key* of 16 octets is found by."""
    return PlaceKey._make(_KEY.unpack(key))


class Places:
    """Records of this span of time and of the one before.

    The first value of a record is the tag of its key.
    """

    def __init__(
        self,
        memory: SharedMemory,
        record: struct.Struct,
        *,
        count: int,
        seconds: int,
        start: int = 0,
    ) -> None:
        """Use *memory* from *start* on, for *count* records in each span of *seconds*.

        *count* is a power of two.
        """
        self._octets = memory.octets
        self._size = record.size
        # Here, because looking them up takes as long as a look at the memory.
        self._pack, self._unpack = record.pack_into, record.unpack_from
        self._mask = count - 1
        self._span_us = seconds * 1_000_000
        self._start = start
        self._part_octets = count * record.size
        self._emptied = -1
        # Which span the two positions are of.
        self._from_us = self._until_us = 0
        self._current = self._previous = 0
        self.end = start + self.octets(record, count)

    @staticmethod
    def octets(record: struct.Struct, count: int) -> int:
        """Return how many octets of memory are needed."""
        return _PARTS * count * record.size

    def find(self, key: PlaceKey, now_us: int) -> tuple[Any, ...] | None:
        """Return the record of *key*, of this span or the one before; None if there is none."""
        if not self._from_us <= now_us < self._until_us:
            self._turn_to(now_us)
        tag, number = key
        octets = self._octets
        place = (number & self._mask) * self._size
        at = self._current + place
        # Not unpacked to be looked at: most are not what is asked for.
        if octets[at : at + _TAG_OCTETS] == tag:
            return self._unpack(octets, at)
        at = self._previous + place
        if octets[at : at + _TAG_OCTETS] == tag:
            return self._unpack(octets, at)
        return None

    def write(self, key: PlaceKey, now_us: int, *values: object) -> None:
        """Write the record of *key* for this span, whatever was in its place."""
        if not self._from_us <= now_us < self._until_us:
            self._turn_to(now_us)
        tag, number = key
        self._pack(self._octets, self._current + (number & self._mask) * self._size, tag, *values)

    def empty(self, now_us: int) -> None:
        """Empty the part of the next span; call this once in each span at least."""
        span = now_us // self._span_us
        if span != self._emptied:
            at = self._part(span + 1)
            self._octets[at : at + self._part_octets] = bytes(self._part_octets)
            self._emptied = span

    def _turn_to(self, now_us: int) -> None:
        span = now_us // self._span_us
        self._from_us, self._until_us = span * self._span_us, (span + 1) * self._span_us
        self._current, self._previous = self._part(span), self._part(span - 1)

    def _part(self, span: int) -> int:
        return self._start + span % _PARTS * self._part_octets
