"""Header fields as people read them: encoded words decoded (RFC 2047)."""

import email.errors
import email.header
import functools
import re
from typing import Final

# Encoded words (RFC 2047) with nothing but white space between.
# QUIRK: senders leave spaces in them, and cut them in the middle of a character.
_WORD: Final = r"=\?[!->@-~]{1,100}\?[BbQq]\?[^?]*+\?="
_WORDS: Final = re.compile(rf"{_WORD}(?:\s*+{_WORD})*+")

# Far more than a pixel's URL holds; what is longer is shown as it is.
_MAX_CHARACTERS: Final = 10_000


# The messages of a campaign have one subject, and decoding takes as long as all the rest.
@functools.lru_cache(maxsize=1_000)
def decode_words(text: str) -> str:
    """Return *text* with its encoded words decoded; those that cannot be stay as they are."""
    if "=?" not in text or len(text) > _MAX_CHARACTERS:
        return text
    return _WORDS.sub(lambda found: _decoded(found[0]), text)


def _decoded(words: str) -> str:
    try:
        parts = email.header.decode_header(words)
        return "".join(
            part if isinstance(part, str) else part.decode(_codec(charset), "replace")
            for part, charset in parts
        )
    except (email.errors.HeaderParseError, LookupError, ValueError):
        return words


def _codec(charset: str | None) -> str:
    # A language may follow (RFC 2231 section 5).
    return (charset or "ascii").partition("*")[0]
