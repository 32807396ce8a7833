"""What becomes of a message that could not be tracked."""

import enum


class WhenUntracked(enum.StrEnum):
    """What happens when tracking fails: the injector is away, slow, or makes an error."""

    PASS = "pass"  # noqa: S105 - no password
    """The message goes on as it came."""

    DEFER = "defer"
    """The client is asked to try again later."""
