"""Where a service is, as people write it."""

import ipaddress
import re
from typing import Final

# Where the pixel service serves gRPC unless it is told otherwise.
PIXEL_SERVICE_PORT: Final = 50052

# A host, perhaps after gRPC's scheme for names; every other scheme has its own form.
_HOST: Final = re.compile(r"(dns:(?://[^/]*/)?)?([^:/\[\]]+|\[[^\]]+\])")
_IPV6: Final = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")


# What follows gRPC's schemes for addresses, or for names without a server to ask for them.
_ADDRESS: Final = re.compile(
    r"(?:(?:dns|ipv4|ipv6):/{0,3})?(?:\[([^\]]++)\]|([^:/\[\]]++))(?::\d++)?"
)


_UNIX: Final = re.compile(r"unix(?:-abstract)?:.")


def is_on_this_machine(target: str) -> bool:
    """Return whether what goes to *target* is sure to stay on this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    found = _ADDRESS.fullmatch(target)
    if found is None:
        return False
    host = found[1] or found[2]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_target(target: str) -> bool:
    """Return whether *target* is a host or an address, with a port or without, or a Unix socket."""
    if _UNIX.match(target):
        return True
    return bool(_IPV6.fullmatch(target)) or (
        _ADDRESS.fullmatch(target) is not None and not any(map(str.isspace, target))
    )


def with_port(target: str, default_port: int) -> str:
    """Return *target* with *default_port* if it names a host alone.

    gRPC itself takes 443 then, where neither service ever is.
    """
    if _IPV6.fullmatch(target):
        target = f"[{target}]"
    return f"{target}:{default_port}" if _HOST.fullmatch(target) else target
