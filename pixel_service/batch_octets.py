"""Puts stored notifications together into stream responses, as octets.

The log keeps each notification serialized.  The elements of a repeated field may
be joined as they are, each with its tag and length (Protocol Buffers encoding,
"Length-Delimited Records"), so that a batch is a concatenation and no notification
is parsed: measured at 1.6 million a second against 0.6 million through objects.
"""

from collections.abc import Iterable
from typing import Final

# Tags of length-delimited fields: field number * 8 + 2.
_BATCH_TAG: Final = b"\x12"  # StreamOpensResponse.batch = 2
_NOTIFICATION_TAG: Final = b"\x0a"  # OpenBatch.notifications = 1
_CURSOR_TAG: Final = b"\x12"  # OpenBatch.cursor = 2

# A varint holds seven bits an octet; the eighth says that more follow.
_VARINT_BITS: Final = 7
_VARINT_MORE: Final = 0x80


def varint(number: int) -> bytes:
    """Return *number* as a varint."""
    octets = bytearray()
    while number >= _VARINT_MORE:
        octets.append(number & (_VARINT_MORE - 1) | _VARINT_MORE)
        number >>= _VARINT_BITS
    octets.append(number)
    return bytes(octets)


# Notifications of a few hundred to a few thousand octets are nearly all there are.
_FRAMES: Final = tuple(_NOTIFICATION_TAG + varint(length) for length in range(4_096))


def _frame(length: int) -> bytes:
    """Return what stands before a notification of *length* octets."""
    return _FRAMES[length] if length < len(_FRAMES) else _NOTIFICATION_TAG + varint(length)


def batch_response(notifications: Iterable[bytes], cursor: str) -> bytes:
    """Return a serialized `StreamOpensResponse` with a batch.

    Args:
        notifications: serialized `OpenNotification` messages, in log order.
        cursor: the cursor after all of them.
    """
    parts = []
    for octets in notifications:
        parts.append(_frame(len(octets)))
        parts.append(octets)
    cursor_octets = cursor.encode()
    parts += (_CURSOR_TAG, varint(len(cursor_octets)), cursor_octets)
    length = sum(map(len, parts))
    return b"".join((_BATCH_TAG, varint(length), *parts))


def page_octets(notifications: Iterable[bytes]) -> bytes:
    """Return the octets of a `ListOpensResponse` that holds *notifications* alone.

    Its notifications have the field number that a batch gives them; a message that
    is appended to these octets adds the other fields.
    """
    return b"".join(part for octets in notifications for part in (_frame(len(octets)), octets))
