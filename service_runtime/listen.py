"""Addresses to listen at, as `host:port`."""

import os
import socket


class ListenError(Exception):
    """An address cannot be served.  The text says which, and why."""


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[IPv6]:port`.

    Raises:
        ListenError: *address* is not of that form.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - ports have 16 bits
        raise ListenError(f"{address!r} is not HOST:PORT, such as 127.0.0.1:8080")
    return host.removeprefix("[").removesuffix("]"), int(port)


def require_free(address: str, *, reuse_port: bool = False) -> None:
    """Check that *address* can be listened at.

    Args:
        address: `host:port`.
        reuse_port: whether somebody may listen there who shares it, too.

    Raises:
        ListenError: somebody listens there, it is none of ours, or no address.
    """
    host, port = split_address(address)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # Connections of an earlier run that linger are in nobody's way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(place)
    except OSError as error:
        raise ListenError(f"cannot listen at {address}: {error.strerror}") from error


def bound_address(address: str, port: int) -> str:
    """Return *address* with the port that the system gave."""
    host, _, _ = address.rpartition(":")
    return f"{host}:{port}"


def reason_of(error: OSError) -> str:
    """Return why an address cannot be listened at, without the address."""
    # Event loops put a sentence with the address into strerror; resolvers have no errno.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
