"""The pieces of the Protocol Buffers encoding that are written by hand.

Two things need them: the numbers that the log gives an open when its notification is
serialized already, and batches, which are joined of what is stored without parsing it
(`grpc_api.batch_octets`).  Everything else goes through the generated classes.
"""

from typing import Final

# A varint holds seven bits an octet; the eighth says that more follow.
_VARINT_BITS: Final = 7
_VARINT_MORE: Final = 0x80


def varint(number: int) -> bytes:
    """Return *number*, which is not negative, as a varint."""
    octets = bytearray()
    while number >= _VARINT_MORE:
        octets.append(number & (_VARINT_MORE - 1) | _VARINT_MORE)
        number >>= _VARINT_BITS
    octets.append(number)
    return bytes(octets)


def fixed_varint(number: int) -> bytes:
    """Return *number*, below 2^35 and not negative, as a varint of five octets.

    A varint may be longer than it must be: its upper bits are then zero.
    """
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
    return field_tag + varint(len(octets)) + octets
