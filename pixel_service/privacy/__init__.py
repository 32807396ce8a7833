"""The only doors to what is kept.

Nothing of a fetch or of its message reaches a disk, a log line or a notification but
through `keep_fetch` and `keep_message`; what is written of an open is a `KeptOpen`.
Imports the values of `evidence`; the token's message is known to `kept_message` alone.

Read `levels` first: its table says what each level keeps.
"""

from pixel_service.privacy.canary import canary_time, encode_canary
from pixel_service.privacy.kept_fetch import (
    KeptFetch,
    coarsen,
    keep_counted_fetch,
    keep_fetch,
    mask_address,
    network_of,
)
from pixel_service.privacy.kept_message import keep_count, keep_message
from pixel_service.privacy.kept_open import KeptOpen, KeptOpenInvalid, decode_open, encode_open
from pixel_service.privacy.levels import KEEPING_CORRESPONDENCE, PrivacyLevel, level_of

__all__ = [
    "KEEPING_CORRESPONDENCE",
    "KeptFetch",
    "KeptOpen",
    "KeptOpenInvalid",
    "PrivacyLevel",
    "canary_time",
    "coarsen",
    "decode_open",
    "encode_canary",
    "encode_open",
    "keep_count",
    "keep_counted_fetch",
    "keep_fetch",
    "keep_message",
    "level_of",
    "mask_address",
    "network_of",
]
