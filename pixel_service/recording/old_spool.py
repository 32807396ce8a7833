"""Adopts the spool that versions before the journal kept beside the log.

A folder with one slot per process, each with files of records. Integers are big-endian:

    length  meaning
    4       length of the payload
    4       CRC-32 of the payload
    8       open time, microseconds since 1970 UTC: the payload begins
    1       flags: 1 notified, 2 has a message key, 4 has a source key
    1       agent
    1       confidence
    1       length of the event ID
    1       length of the configuration ID
    1       length of the source key
    4       length of the notification
    ...     event ID, configuration ID, message key (16), source key, notification
"""

import asyncio
import re
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from pixel_service.open_log import MESSAGE_KEY_OCTETS, OpenRecord
from pixel_service.recording.appending import Appender
from service_runtime.file_lock import file_lock
from service_runtime.times import time_of

_RECORD: Final = struct.Struct(">II")
_HEAD: Final = struct.Struct(">qBBBBBBI")
_NOTIFIED: Final = 1
_HAS_MESSAGE_KEY: Final = 2
_HAS_SOURCE_KEY: Final = 4

_NAME: Final = re.compile(r"\d{12}\.spool")

# Opens of one append.
_BATCH_OPENS: Final = 1_000

logger = structlog.get_logger()


class _Contents(NamedTuple):
    opens: list[OpenRecord]
    is_whole: bool
    """Whether every octet of the file was understood, but for zeros at its end."""


async def adopt_spool(folder: Path, appender: Appender) -> bool:
    """Bring one file of the spool in *folder* into the log; return whether there was any.

    Opens that the log has already are skipped by it. A file that is not whole, or of which
    the log's database does not take all, is set aside when the rest of it is in the log.

    Raises:
        LogUnavailable: the log does not take them.
        OSError: the disk failed.
    """
    for path in await asyncio.to_thread(spool_files, folder):
        with file_lock(path.parent / "lock") as is_ours:
            # Else a process of the older version is still running.
            if not is_ours:
                continue
            contents = await asyncio.to_thread(_read, path)
            refused = 0
            for start in range(0, len(contents.opens), _BATCH_OPENS):
                some = contents.opens[start : start + _BATCH_OPENS]
                refused += await appender.append_unplaced(some, file=str(path))
            if contents.is_whole and not refused:
                path.unlink()
            else:
                path.rename(path.with_suffix(".damaged"))
            if not contents.is_whole:
                logger.error("spool file damaged", file=str(path), kept=len(contents.opens))
            return True
    return False


def spool_files(folder: Path) -> list[Path]:
    """Return the files of the spool in *folder*, oldest first in each slot."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("slot-*/*") if _NAME.fullmatch(path.name))


def _read(path: Path) -> _Contents:
    octets = path.read_bytes()
    opens: list[OpenRecord] = []
    start = 0
    while start + _RECORD.size <= len(octets):
        length, checksum = _RECORD.unpack_from(octets, start)
        begin = start + _RECORD.size
        payload = octets[begin : begin + length]
        if not length or len(payload) < length or zlib.crc32(payload) != checksum:
            break
        try:
            opens.append(decode_open(payload))
        except ValueError:
            break
        start = begin + length
    return _Contents(opens, is_whole=not octets[start:].strip(b"\0"))


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
