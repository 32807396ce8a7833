"""Who reaches an address that is listened at: which machines, and by which family."""

import contextlib
import ipaddress
import socket
import time
from collections.abc import Iterator
from typing import Final

from service_runtime.listen import (
    ListenError,
    bound_address,
    is_unix,
    reason_of,
    split_address,
)

_ALL_OF_IPV4: Final = "0.0.0.0"  # noqa: S104 - compared with, not listened at

# How often the port of a guard is tried, and how long apart: another guard stays for less
# than a millisecond.
_GUARD_ATTEMPTS: Final = 20
_GUARD_SECONDS: Final = 0.005


def is_local(address: str) -> bool:
    """Return whether nobody outside this machine can reach *address*.

    Raises:
        ListenError: it is no address.
    """
    if is_unix(address):
        return True
    host, port = split_address(address)
    try:
        # A name may have several.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"cannot listen at {address}: {reason_of(error)}") from error
    places = (str(place[0]).partition("%")[0] for *_, place in found)
    return all(_is_loopback(ipaddress.ip_address(place)) for place in places)


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


@contextlib.contextmanager
def without_ipv6(address: str) -> Iterator[str]:
    """Keep gRPC from IPv6 for the block if *address* is all of IPv4; yields what it may listen at.

    It takes `0.0.0.0` for all addresses of every family, and goes back to those of IPv4
    when the port is taken on the others; so somebody takes it there for that time.
    """
    if is_unix(address) or split_address(address)[0] != _ALL_OF_IPV4:
        yield address
        return
    with contextlib.ExitStack() as stack:
        # Where there is no IPv6, gRPC has to go back anyway.
        with contextlib.suppress(OSError):
            guard = stack.enter_context(socket.socket(socket.AF_INET6))
            guard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _take(guard, split_address(address)[1])
            address = bound_address(address, guard.getsockname()[1])
        yield address


def _take(guard: socket.socket, port: int) -> None:
    for _ in range(_GUARD_ATTEMPTS):
        # Taken for a moment by another process of ours, which must not leave before us; or by
        # somebody else for long, which does as well.
        with contextlib.suppress(OSError):
            guard.bind(("::", port))
            return
        time.sleep(_GUARD_SECONDS)
