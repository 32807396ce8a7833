"""How much of an open is kept: the levels, and what each keeps.

| level        | message ID, tags, times | addresses, header fields | IP address | user agent |
| ------------ | ----------------------- | ------------------------ | ---------- | ---------- |
| FULL         | kept                    | kept                     | kept       | kept       |
| MASKED       | kept                    | kept                     | network    | family     |
| PSEUDONYMOUS | kept                    | -                        | -          | -          |
| ANONYMOUS    | time of the open only   | -                        | -          | -          |
| OFF          | nothing is recorded     |                          |            |            |
"""

import enum
from typing import Final


class PrivacyLevel(enum.IntEnum):
    """How much may be kept; the numbers are the contract's, larger keeps less."""

    FULL = 1
    MASKED = 2
    PSEUDONYMOUS = 3
    ANONYMOUS = 4
    OFF = 5


# Python 3.11 takes a quarter of a microsecond to find a member of an enumeration, which
# is much for what is asked several times for every fetch.
_LEVELS: Final = {level.value: level for level in PrivacyLevel}


def level_of(number: int) -> PrivacyLevel:
    """Return the level with this *number* of the contract.

    A number that is not known, 0 included, is the most restrictive level: OFF.
    """
    return _LEVELS.get(number, PrivacyLevel.OFF)


KEEPING_CORRESPONDENCE: Final[frozenset[int]] = frozenset({PrivacyLevel.FULL, PrivacyLevel.MASKED})
"""The levels that keep what names people, or was written by them."""
