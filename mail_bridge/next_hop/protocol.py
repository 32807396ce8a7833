"""What the next hop speaks."""

import enum


class NextHopProtocol(enum.StrEnum):
    """How messages are handed on."""

    SMTP = "smtp"
    """One answer for all recipients of a message."""

    LMTP = "lmtp"
    """One for each (RFC 2033)."""
