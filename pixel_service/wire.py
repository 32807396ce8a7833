"""The two pieces of the Protocol Buffers encoding that are written by hand."""

from typing import Final

# A varint holds seven bits an octet; the eighth says that more follow.
_VARINT_BITS: Final = 7
_VARINT_MORE: Final = 0x80


def varint(number: int) -> bytes:
    """Return *number*, which is not negative, as a varint."""
    if number < _VARINT_MORE:
        return _SHORT[number]
    octets = bytearray()
    while number >= _VARINT_MORE:
        octets.append(number & (_VARINT_MORE - 1) | _VARINT_MORE)
        number >>= _VARINT_BITS
    octets.append(number)
    return bytes(octets)


_SHORT: Final = tuple(bytes([number]) for number in range(_VARINT_MORE))


def tag(field_number: int) -> bytes:
    """Return the tag of a field that holds octets, a text or a message."""
    return varint(field_number << 3 | 2)


def field(field_tag: bytes, octets: bytes) -> bytes:
    """Return the field with *field_tag* that holds *octets*."""
    return field_tag + varint(len(octets)) + octets
