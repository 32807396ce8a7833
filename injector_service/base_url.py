"""The URL below which pixels are served."""

import re
from typing import Final

# Leaves 1,793 characters of a URL of 2,000 to the token.
MAX_BASE_URL_CHARACTERS: Final = 200

# RFC 3986: a host name or an address, a port, a path; no user, query or fragment.
_BASE_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*"
)


def is_base_url(url: str) -> bool:
    """Say whether pixels can be served below *url*."""
    return len(url) <= MAX_BASE_URL_CHARACTERS and _BASE_URL.fullmatch(url) is not None
