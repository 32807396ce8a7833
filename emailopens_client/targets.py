"""Where a service is, as people write it."""

import re
from typing import Final

# Where the pixel service serves gRPC unless it is told otherwise.
PIXEL_SERVICE_PORT: Final = 50052

# A host, perhaps after gRPC's scheme for names; every other scheme has its own form.
_HOST: Final = re.compile(r"(dns:(?://[^/]*/)?)?([^:/\[\]]+|\[[^\]]+\])")
_IPV6: Final = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")


def with_port(target: str, default_port: int) -> str:
    """Return *target* with *default_port* if it names a host alone.

    gRPC itself takes 443 then, where neither service ever is.
    """
    if _IPV6.fullmatch(target):
        target = f"[{target}]"
    return f"{target}:{default_port}" if _HOST.fullmatch(target) else target
