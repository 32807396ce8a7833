"""How much of an open is kept: ordered levels, the most restrictive of several wins."""

import enum


class PrivacyLevel(enum.IntEnum):
    """How much is kept.  A larger number keeps less.

    The numbers are those of `emailopens.notification.v1.PrivacyLevel`, so that
    what is sealed, stored and sent is one number.
    """

    FULL = 1
    MASKED = 2
    PSEUDONYMOUS = 3
    ANONYMOUS = 4
    OFF = 5
