"""IDs that the service makes when the caller gives none."""

import secrets
import string
from typing import Final

_LETTERS_AND_DIGITS: Final = string.ascii_letters + string.digits

# 22 of 62 characters carry 131 bits, as many as a random UUID and in two thirds of
# its length: the ID is part of every pixel's URL.
_MESSAGE_ID_CHARACTERS: Final = 22

# 16 of 36 carry 82 bits: short enough for people, and nobody guesses or meets one.
_CONFIGURATION_ID_CHARACTERS: Final = 16


def new_message_id() -> str:
    """Return an ID for a message."""
    return "".join(secrets.choice(_LETTERS_AND_DIGITS) for _ in range(_MESSAGE_ID_CHARACTERS))


def new_configuration_id() -> str:
    """Return an ID for a configuration."""
    return "".join(
        secrets.choice(string.ascii_lowercase + string.digits)
        for _ in range(_CONFIGURATION_ID_CHARACTERS)
    )
