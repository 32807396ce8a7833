"""IDs of messages that say roughly when: 22 characters.

A log keeps a count for each message.  If counts lie in the order of their messages' times,
those that change at the same time share pages of the disk, however many there are in all;
and so it is with what others keep under these IDs.

    characters  meaning
    4           when, in units of 2^32 microseconds (72 minutes) since 1970 UTC, in base 62
    1           "~", which no ID has that was made before these
    17          what tells the message from others
"""

import functools
import re
import string
from typing import Final

# In the order of ASCII, so that IDs sort by time as texts, too.
DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase

# What follows a beginning: 101 bits of base 62, or 102 of base64url.
REST_CHARACTERS: Final = 17

_UNIT_BITS: Final = 32
_TIME_CHARACTERS: Final = 4
_LAST_UNIT: Final = len(DIGITS) ** _TIME_CHARACTERS - 1
_MARK: Final = "~"
_ID: Final = re.compile(
    rf"([0-9A-Za-z]{{{_TIME_CHARACTERS}}}){_MARK}[0-9A-Za-z_-]{{{REST_CHARACTERS}}}"
)

TIME_OCTETS: Final = 3
"""What a time takes: 62^4 is less than 2^24."""

# There are as many as units of 72 minutes in which messages were made that are opened now.
_MAX_CACHED: Final = 1_024


def beginning_at(microseconds: int) -> str:
    """Return how the ID of a message begins, so many *microseconds* after 1970 UTC."""
    return _beginning_of(min(max(0, microseconds >> _UNIT_BITS), _LAST_UNIT))


def time_octets(message_id: str) -> bytes:
    """Return the time in a *message_id*, as octets that sort by it; empty if there is none."""
    # Before the pattern, which takes as long as a hash: this is asked for every message.
    if message_id[_TIME_CHARACTERS : _TIME_CHARACTERS + 1] != _MARK:
        return b""
    found = _ID.fullmatch(message_id)
    return b"" if found is None else _octets_of(found[1])


@functools.lru_cache(maxsize=_MAX_CACHED)
def _beginning_of(unit: int) -> str:
    return to_digits(unit, DIGITS, _TIME_CHARACTERS) + _MARK


@functools.lru_cache(maxsize=_MAX_CACHED)
def _octets_of(time: str) -> bytes:
    unit = 0
    for character in time:
        unit = unit * len(DIGITS) + DIGITS.index(character)
    return unit.to_bytes(TIME_OCTETS, "big")


def to_digits(number: int, digits: str, count: int) -> str:
    """Return *number*, which must fit, as *count* of these *digits*, the highest first."""
    found = []
    for _ in range(count):
        number, digit = divmod(number, len(digits))
        found.append(digits[digit])
    return "".join(reversed(found))
