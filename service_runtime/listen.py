"""Addresses to listen at, as `host:port`."""


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


def bound_address(address: str, port: int) -> str:
    """Return *address* with the port that the system gave."""
    host, _, _ = address.rpartition(":")
    return f"{host}:{port}"
