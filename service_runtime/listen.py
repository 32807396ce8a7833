"""Addresses to listen at, as `host:port`."""

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
        raise ListenError(f"{address!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def require_free(host: str, port: int) -> None:
    """Check that nobody listens at *host* and *port*, not even one who would share it.

    Raises:
        ListenError: somebody does, or the address is none of ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of an earlier run that linger are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ListenError(f"cannot listen at {host}:{port}: {error.strerror}") from error


def bound_address(address: str, port: int) -> str:
    """Return *address* with the port that the system gave."""
    host, _, _ = address.rpartition(":")
    return f"{host}:{port}"
