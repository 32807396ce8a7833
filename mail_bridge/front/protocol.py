"""What clients speak with the bridge."""

import enum


class FrontProtocol(enum.StrEnum):
    """How messages come in."""

    LMTP = "lmtp"
    """One answer for each recipient of a message (RFC 2033)."""

    SMTP = "smtp"
    """One for all of them."""


class SeveralRecipients(enum.StrEnum):
    """What happens in SMTP when a message is for more than one recipient."""

    DEFER = "defer"
    """The second and later ones are asked to come again, alone (RFC 5321 section 4.5.3.1.10)."""

    PASS = "pass"  # noqa: S105 - no password
    """The message goes to all of them as it came, without a pixel."""
