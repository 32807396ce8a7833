"""The sockets in which mail clients' connections wait."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Final

import structlog

from service_runtime.listen import address_of, listening_sockets

# Connections that the system may hold for us before it turns others away.
BACKLOG: Final = 1_024

logger = structlog.get_logger()


def listen_for_pixels(address: str, *, reuse_port: bool = False) -> list[socket.socket]:
    """Return sockets for `pixel_server`, in which mail clients' connections wait from now on.

    Raises:
        ListenError: the address is taken, not ours, or no address.
    """
    return listening_sockets(address, backlog=BACKLOG, reuse_port=reuse_port)


@contextlib.contextmanager
def listening_for_pixels(
    address: str, *, count: int, reuse_port: bool
) -> Iterator[Sequence[Sequence[socket.socket]]]:
    """Listen for mail clients inside the block; lend the sockets of each of *count* processes.

    They are held here, so that connections wait in them while a process is replaced, and
    one for each process, so that the system spreads connections evenly.  When the end
    begins they are left to those processes alone, by `stop_listening`: what connected after
    those have closed theirs would wait for nobody.

    Raises:
        ListenError: the address is taken, none of ours, or no address.
    """
    groups: list[list[socket.socket]] = []
    try:
        for _ in range(count):
            groups.append(listen_for_pixels(address, reuse_port=reuse_port))
            address = address_of(address, groups[0])
        logger.info("serving pixels", address=address)
        yield groups
    finally:
        stop_listening(groups)


def stop_listening(groups: Sequence[Sequence[socket.socket]]) -> None:
    """Close the sockets of all processes."""
    for each in groups:
        for listening in each:
            listening.close()
