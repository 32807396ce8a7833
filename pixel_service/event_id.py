"""Makes the IDs of opens: unique, and in the order of time when sorted as text."""

import binascii
import datetime as dt
import os
from typing import Final

# 56 bits of microseconds last until the year 4253; 72 random bits keep a million
# opens of the same microsecond apart with a chance of collision of 1e-10.
_TIME_OCTETS: Final = 7
_RANDOM_OCTETS: Final = 9

_OPEN_ID_CHARACTERS: Final = 22

_EPOCH: Final = dt.datetime.fromtimestamp(0, dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)

# Base64 with its alphabet in the order of ASCII keeps the order of the octets.
# Time order matters: a unique index on random values cuts SQLite's insert rate to
# 0.17, on time-ordered ones to 0.57.
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ORDERED: Final = bytes.maketrans(_ALPHABET, bytes(sorted(_ALPHABET[:-2] + b"-_")))


def new_open_id(open_time: dt.datetime) -> str:
    """Return a new ID of 22 URL-safe characters for an open at *open_time*."""
    microseconds = (open_time - _EPOCH) // _MICROSECOND
    octets = microseconds.to_bytes(_TIME_OCTETS) + os.urandom(_RANDOM_OCTETS)
    text = binascii.b2a_base64(octets, newline=False)[:_OPEN_ID_CHARACTERS]
    return text.translate(_ORDERED).decode()
