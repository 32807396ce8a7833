"""Addresses to listen at: `host:port`, and for gRPC also `unix:PATH` and `unix-abstract:NAME`."""

import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_UNIX: Final = "unix:"
_UNIX_ABSTRACT: Final = "unix-abstract:"

# What the system takes (unix(7)), with the octet that ends it.
_MAX_PATH_OCTETS: Final = 107

# Drops what begins a connection and passes everything else: a program of the classic packet
# filter (Linux, `Documentation/networking/filter.rst`), each step its code, two jumps, a value.
_DROP_SYN: Final = b"".join(
    struct.pack("HBBI", *step)
    for step in (
        (0x30, 0, 0, 13),  # load the octet of TCP's flags (RFC 9293 section 3.1)
        (0x45, 0, 1, 0x02),  # SYN?
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # pass
    )
)
_DROP_SYN_STEPS: Final = 4
_SO_ATTACH_FILTER: Final = 26  # <asm-generic/socket.h>; the module `socket` has no name for it


class ListenError(Exception):
    """An address cannot be served.  The text says which, and why."""


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[IPv6]:port`.

    Raises:
        ListenError: *address* is not of that form.
    """
    if is_unix(address):
        raise ListenError(f"{address!r}: only gRPC can be served at a Unix socket")
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - ports have 16 bits
        raise ListenError(f"{address!r} is not HOST:PORT, such as 127.0.0.1:8080")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_unix(address: str) -> bool:
    """Return whether *address* is a Unix socket."""
    return address.startswith((_UNIX, _UNIX_ABSTRACT))


def require_free(address: str, *, reuse_port: bool = False) -> None:
    """Check that *address* can be listened at.

    Args:
        address: where.
        reuse_port: whether somebody may listen there who shares it, too.

    Raises:
        ListenError: somebody listens there, it is none of ours, or no address.
    """
    if is_unix(address):
        _require_free_path(address)
        return
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
        raise ListenError(f"cannot listen at {address}: {reason_of(error)}") from error


def _require_free_path(address: str) -> None:
    is_abstract = address.startswith(_UNIX_ABSTRACT)
    name = (
        address.partition(":")[2] if is_abstract else address.partition(":")[2].removeprefix("//")
    )
    place = f"\0{name}" if is_abstract else name
    if not name or len(os.fsencode(place)) > _MAX_PATH_OCTETS:
        raise ListenError(f"cannot listen at {address}: a path has 1 to {_MAX_PATH_OCTETS} octets")
    if not is_abstract:
        path = Path(name)
        if not path.parent.is_dir():
            raise ListenError(f"cannot listen at {address}: there is no folder {path.parent}")
        if path.exists() and not path.is_socket():
            raise ListenError(f"cannot listen at {address}: something else is there")
    # gRPC removes a socket that is there, whoever listens at it.
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(place)
        raise ListenError(f"cannot listen at {address}: taken")


def listening_sockets(
    address: str, *, backlog: int, reuse_port: bool = False
) -> list[socket.socket]:
    """Return sockets that listen at *address*: one for each address that its host has.

    Connections wait in them from now on, whoever accepts them, and when.

    Raises:
        ListenError: it is taken, none of ours, or no address.
    """
    host, port = split_address(address)
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in dict.fromkeys(found):
            listening = socket.socket(family, kind, protocol)
            sockets.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(place)
            listening.listen(backlog)
            listening.setblocking(False)  # noqa: FBT003 - Python's own
    except OSError as error:
        for listening in sockets:
            listening.close()
        raise ListenError(f"cannot listen at {address}: {reason_of(error)}") from error
    return sockets


def ignore_new_connections(sockets: Sequence[socket.socket]) -> None:
    """Have the system drop attempts to connect to *sockets*; what has connected stays.

    Who tries to connect tries again after a second (RFC 6298 section 2), and then finds
    whoever else listens at the address, if the sockets are closed by then.  Closed without
    this, they would reset the connections that nobody has accepted yet.  On Linux; elsewhere
    this does nothing.
    """
    if sys.platform != "linux":
        return
    steps = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
    program = struct.pack("HP", _DROP_SYN_STEPS, ctypes.addressof(steps))
    for listening in sockets:
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def address_of(address: str, sockets: Sequence[socket.socket]) -> str:
    """Return *address* with the port that *sockets* have."""
    return bound_address(address, sockets[0].getsockname()[1])


def bound_address(address: str, port: int) -> str:
    """Return *address* with the port that the system gave, if it has one."""
    if is_unix(address):
        return address
    host, _, _ = address.rpartition(":")
    return f"{host}:{port}"


def reason_of(error: OSError) -> str:
    """Return why an address cannot be listened at, without the address."""
    # Event loops put a sentence with the address into strerror; resolvers have no errno.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
