"""The pieces of the Protocol Buffers encoding that are written by hand.

What differs from open to open is made for each, and what is stored is joined to batches for
each stream.  Through the generated classes the first takes three times as long
(`notification.mail`), the second nearly as much more (`grpc_api.batch_octets`); everything
else goes through them.
"""

from typing import Final

# A varint holds seven bits an octet; the eighth says that more follow.
_VARINT_BITS: Final = 7
_VARINT_MORE: Final = 0x80


def varint(number: int) -> bytes:
    """Return *number*, which is not negative, as a varint."""
    if number < _VARINT_MORE:
        return _SHORT[number]
    if number < _VARINT_MORE**2:
        return bytes((number & 0x7F | 0x80, number >> 7))
    octets = bytearray()
    while number >= _VARINT_MORE:
        octets.append(number & (_VARINT_MORE - 1) | _VARINT_MORE)
        number >>= _VARINT_BITS
    octets.append(number)
    return bytes(octets)


_SHORT: Final = tuple(bytes([number]) for number in range(_VARINT_MORE))


# 35 bits hold every number of 32, and the seconds until the year 3058.
MAX_FIXED: Final = 2**35 - 1


def fixed_varint(number: int) -> bytes:
    """Return *number*, below 2^35 and not negative, as a varint of five octets.

    A varint may be longer than it must be: its upper bits are then zero.
    """
    # Not in a loop, which takes eight times as long, and opens have three of these.
    return bytes(
        (
            number & 0x7F | 0x80,
            number >> 7 & 0x7F | 0x80,
            number >> 14 & 0x7F | 0x80,
            number >> 21 & 0x7F | 0x80,
            number >> 28,
        )
    )


def number_tag(field_number: int) -> bytes:
    """Return the tag of a field that holds a varint."""
    return varint(field_number << 3)


def tag(field_number: int) -> bytes:
    """Return the tag of a field that holds octets, a text or a message."""
    return varint(field_number << 3 | 2)


def field(field_tag: bytes, octets: bytes) -> bytes:
    """Return the field with *field_tag* that holds *octets*."""
    length = len(octets)
    return field_tag + (_SHORT[length] if length < _VARINT_MORE else varint(length)) + octets


def text(field_tag: bytes, value: str) -> bytes:
    """Return the field with *field_tag* that holds *value*; nothing if that is empty."""
    if not value:
        return b""
    octets = value.encode()
    length = len(octets)
    # Most are short, and a call takes as long as all the rest.
    if length < _VARINT_MORE:
        return field_tag + _SHORT[length] + octets
    return field_tag + varint(length) + octets
