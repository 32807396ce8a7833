"""The pieces of the Protocol Buffers encoding that are written by hand."""

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


# 35 bits hold every number of 32.
_FIXED_OCTETS: Final = 5


def fixed_varint(number: int) -> bytes:
    """Return *number*, below 2^35 and not negative, as a varint of five octets.

    A varint may be longer than it must be: its upper bits are then zero.
    """
    octets = [number >> _VARINT_BITS * index & (_VARINT_MORE - 1) for index in range(_FIXED_OCTETS)]
    return bytes(octet | _VARINT_MORE for octet in octets[:-1]) + bytes(octets[-1:])


def number_tag(field_number: int) -> bytes:
    """Return the tag of a field that holds a varint."""
    return varint(field_number << 3)


def tag(field_number: int) -> bytes:
    """Return the tag of a field that holds octets, a text or a message."""
    return varint(field_number << 3 | 2)


def field(field_tag: bytes, octets: bytes) -> bytes:
    """Return the field with *field_tag* that holds *octets*."""
    return field_tag + varint(len(octets)) + octets
