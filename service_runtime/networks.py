"""Tells which addresses are one client's."""

from ipaddress import IPv6Address
from typing import Final

# One network of an IPv6 client: whoever has one of its addresses has all of them.
_IPV6_NETWORK_BITS: Final = 64


def network_of(address: str | None) -> str:
    """Return what connections from *address* are counted under."""
    if address is None or ":" not in address:
        return address or ""
    host_bits = 128 - _IPV6_NETWORK_BITS
    return f"{int(IPv6Address(address.partition('%')[0])) >> host_bits:x}"
