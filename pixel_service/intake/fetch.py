"""One request for a pixel, as it came."""

from collections.abc import Mapping
from typing import NamedTuple


# A tuple, because one is made for every request.
class PixelFetch(NamedTuple):
    """Everything that a request says.  Held in memory, never written as it is."""

    token: str
    ip_address: str | None
    user_agent: str | None
    purposes: Mapping[str, str]
    """Those header fields that the rules of evidence ask for and that were sent."""
    open_us: int
    """When the request arrived, microseconds since 1970 UTC."""
