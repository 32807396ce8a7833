"""Answers mail clients.  The pixel is served whatever happens.

A request becomes a `PixelFetch`, which `intake` takes; what becomes of it there changes no
answer.  Imports `intake`, and of `evidence` the names of the header fields it asks for;
knows neither journal nor log.

A connection's plain requests are taken by `plain_connection`; all else goes to an HTTP
server, which `handler` answers for.

Read `handler` first.  It, `serving` and `client_address` are imported by their own names:
settings need an address's reader, and should not load an HTTP server.
"""

from pixel_service.endpoint.limits import (
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_OF_NETWORK,
    ConnectionCounts,
    ConnectionLimits,
    Refusal,
)
from pixel_service.endpoint.listening import listening_for_pixels, stop_listening

__all__ = [
    "DEFAULT_MAX_CONNECTIONS",
    "DEFAULT_MAX_OF_NETWORK",
    "ConnectionCounts",
    "ConnectionLimits",
    "Refusal",
    "listening_for_pixels",
    "stop_listening",
]
