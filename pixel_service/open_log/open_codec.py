"""Opens as octets, for the spool and for the way to the process that writes.

One open, integers big-endian:

    length  meaning
    8       open time, microseconds since 1970 UTC
    1       flags: 1 notified, 2 has a message key, 4 has a source key
    1       agent
    1       confidence
    1       length of the event ID
    1       length of the configuration ID
    1       length of the source key
    4       length of the notification
    ...     event ID, configuration ID, message key (16), source key, notification
"""

import struct
from typing import Final

from pixel_service.open_log.values import MESSAGE_KEY_OCTETS, OpenRecord
from service_runtime.times import microseconds_of, time_of

_HEAD: Final = struct.Struct(">qBBBBBBI")
_NOTIFIED: Final = 1
_HAS_MESSAGE_KEY: Final = 2
_HAS_SOURCE_KEY: Final = 4


def encode_open(open_: OpenRecord, *, with_source: bool) -> bytes:
    """Return *open_* as octets.

    Args:
        open_: The open.
        with_source: Whether the source key goes along: to another process, never to
            a disk.
    """
    event_id = open_.event_id.encode()
    configuration_id = open_.configuration_id.encode()
    source_key = open_.source_key if with_source else None
    flags = (
        (_NOTIFIED if open_.notified else 0)
        | (_HAS_MESSAGE_KEY if open_.message_key is not None else 0)
        | (_HAS_SOURCE_KEY if source_key is not None else 0)
    )
    head = _HEAD.pack(
        microseconds_of(open_.open_time),
        flags,
        open_.agent,
        open_.confidence,
        len(event_id),
        len(configuration_id),
        len(source_key or b""),
        len(open_.notification),
    )
    return b"".join(
        (
            head,
            event_id,
            configuration_id,
            open_.message_key or b"",
            source_key or b"",
            open_.notification,
        )
    )


def decode_open(octets: bytes) -> OpenRecord:
    """Return the open that *octets* hold.

    Raises:
        ValueError: they hold none.
    """
    try:
        time_us, flags, agent, confidence, *lengths = _HEAD.unpack_from(octets)
    except struct.error as error:
        raise ValueError("no open: too short") from error
    event_octets, configuration_octets, source_octets, notification_octets = lengths
    key_octets = MESSAGE_KEY_OCTETS if flags & _HAS_MESSAGE_KEY else 0
    fields = []
    start = _HEAD.size
    for length in (
        event_octets,
        configuration_octets,
        key_octets,
        source_octets,
        notification_octets,
    ):
        fields.append(octets[start : start + length])
        start += length
    if start != len(octets):
        raise ValueError("no open: its lengths do not add up")
    event_id, configuration_id, message_key, source_key, notification = fields
    return OpenRecord(
        event_id=event_id.decode(),
        configuration_id=configuration_id.decode(),
        open_time=time_of(time_us),
        message_key=message_key if flags & _HAS_MESSAGE_KEY else None,
        source_key=source_key if flags & _HAS_SOURCE_KEY else None,
        agent=agent,
        confidence=confidence,
        notified=bool(flags & _NOTIFIED),
        notification=notification,
    )
