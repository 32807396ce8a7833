"""IDs that the service makes when the caller gives none."""

import secrets
import string
from typing import Final

# 22 of 62 characters carry 131 bits, as many as a random UUID and in two thirds of
# its length: the ID is part of every pixel's URL.
_MESSAGE_ID_CHARACTERS: Final = 22

# 16 of 36 carry 82 bits: short enough for people, too many to guess or to draw twice.
_CONFIGURATION_ID_CHARACTERS: Final = 16


def new_message_id() -> str:
    """Return an ID for a message."""
    return _random_text(string.ascii_letters + string.digits, _MESSAGE_ID_CHARACTERS)


def new_configuration_id() -> str:
    """Return an ID for a configuration."""
    return _random_text(string.ascii_lowercase + string.digits, _CONFIGURATION_ID_CHARACTERS)


def _random_text(alphabet: str, length: int) -> str:
    # One random number, not one for each character: that costs a tenth of a rewriting.
    number = secrets.randbelow(len(alphabet) ** length)
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(alphabet))
        characters.append(alphabet[digit])
    return "".join(characters)
