"""Cursors: positions as text that clients keep.

The octets of a cursor, before base64url (RFC 4648 section 5, without padding):

    offset  length  meaning
    0       1       version, 1
    1       16      log ID
    17      4       epoch
    21      8       transaction
    29      8       sequence
    37      4       checksum without a key: BLAKE2b of what precedes
    41      16      BLAKE2b of what precedes, with the log's cursor key

The checksum tells a cursor of another log, whose key we do not have, from one
that was changed on its way.
"""

import hashlib
import hmac
import struct
from typing import Final

from pixel_service.errors import CursorForeignLog, CursorMalformed
from pixel_service.open_log.values import LogIdentity, Position
from service_runtime import base64url

MAX_CURSOR_CHARACTERS: Final = 128

_VERSION: Final = 1
_BODY: Final = struct.Struct(">B16sIQQ")
_CHECKSUM_OCTETS: Final = 4
_MAC_OCTETS: Final = 16
_OCTETS: Final = _BODY.size + _CHECKSUM_OCTETS + _MAC_OCTETS


def encode_cursor(position: Position, identity: LogIdentity) -> str:
    """Return *position* in the log *identity* as text: 76 URL-safe characters."""
    body = _BODY.pack(_VERSION, bytes.fromhex(identity.log_id), identity.epoch, *position)
    checked = body + _checksum(body)
    octets = checked + _mac(checked, identity.cursor_key)
    return base64url.encode(octets)


def decode_cursor(cursor: str, identity: LogIdentity) -> Position:
    """Return the position that *cursor* names in the log *identity*.

    Raises:
        CursorMalformed: it is none of ours, or was changed on its way.
        CursorForeignLog: it is of another log, or of another epoch of this one.
    """
    octets = _octets_of(cursor)
    checked, mac = octets[:-_MAC_OCTETS], octets[-_MAC_OCTETS:]
    body, checksum = checked[: _BODY.size], checked[_BODY.size :]
    version, log_id, epoch, transaction, sequence = _BODY.unpack(body)
    if version != _VERSION or checksum != _checksum(body):
        raise CursorMalformed
    if log_id.hex() != identity.log_id or epoch != identity.epoch:
        raise CursorForeignLog(log_id=identity.log_id)
    if not hmac.compare_digest(mac, _mac(checked, identity.cursor_key)):
        raise CursorMalformed
    return Position(transaction, sequence)


def _octets_of(cursor: str) -> bytes:
    octets = base64url.decode(cursor) if len(cursor) <= MAX_CURSOR_CHARACTERS else None
    if octets is None or len(octets) != _OCTETS:
        raise CursorMalformed
    return octets


def _checksum(octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=_CHECKSUM_OCTETS).digest()


def _mac(octets: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=_MAC_OCTETS, key=key).digest()
