"""Finds the address that fetched, also behind proxies that the operator trusts."""

import enum
import functools
import ipaddress
from collections.abc import Sequence
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Each element is one proxy; a longer chain is made up.
_MAX_ELEMENTS: Final = 32


class ForwardedHeader(enum.StrEnum):
    """The header field in which the trusted proxies name whom they serve.

    One, not both: a proxy that sets one of them passes on what a client wrote
    into the other.
    """

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


class ClientAddresses:
    """Reads the fetching address from a connection and its forwarding header."""

    def __init__(
        self,
        *,
        trusted_proxies: Sequence[IpNetwork] = (),
        header: ForwardedHeader = ForwardedHeader.X_FORWARDED_FOR,
    ) -> None:
        self._trusted = tuple(trusted_proxies)
        self.header = header

    def find(self, peer: str | None, forwarded: Sequence[str]) -> str | None:
        """Return the fetching address in the text form of RFC 5952.

        Walks back from *peer* through *forwarded* as long as the address is that
        of a trusted proxy, so that nothing a client writes itself is believed.

        Args:
            peer: the other end of the connection.
            forwarded: what the header field `header` says, in order: the values of
                X-Forwarded-For, or the `for` of each element of Forwarded.

        Returns:
            None if a trusted proxy does not say, or says no address.
        """
        address, text = _parse(peer or "")
        if not self._is_trusted(address):
            return text
        for element in reversed(self._elements(forwarded)):
            address, text = _parse(element)
            if not self._is_trusted(address):
                break
        return text

    def is_proxy(self, peer: str | None) -> bool:
        """Say whether *peer* is a proxy that is trusted."""
        return bool(self._trusted) and self._is_trusted(_parse(peer or "")[0])

    def _is_trusted(self, address: IpAddress | None) -> bool:
        if address is None or not self._trusted:
            return False
        return any(address in network for network in self._trusted)

    def _elements(self, forwarded: Sequence[str]) -> Sequence[str]:
        if self.header is ForwardedHeader.X_FORWARDED_FOR and forwarded:
            forwarded = ",".join(forwarded).split(",")
        return forwarded[-_MAX_ELEMENTS:]


@functools.lru_cache(maxsize=4_096)
def _parse(text: str) -> tuple[IpAddress | None, str | None]:
    """Return the address in *text*, with or without a port, and its normal text.

    An IPv4 address in an IPv6 one is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):  # RFC 7239 section 6: IPv6 stands in brackets
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None, None
    address = getattr(address, "ipv4_mapped", None) or address
    return address, str(address)
