"""Sockets that listen, and how they leave their address to others."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from service_runtime.listen import (
    address_of,
    ignore_new_connections,
    listening_sockets,
    split_address,
)

BACKLOG = 100

# The system spreads them over all who share the address.
CLIENTS = 40


async def test_connections_that_one_ignores_are_taken_by_another() -> None:
    """Who comes while a process ends reaches its successor, and nobody is reset."""
    (leaving,) = listening_sockets("127.0.0.1:0", backlog=BACKLOG, reuse_port=True)
    address = address_of("127.0.0.1:0", [leaving])
    (staying,) = listening_sockets(address, backlog=BACKLOG, reuse_port=True)
    ignore_new_connections([leaving])
    async with contextlib.AsyncExitStack() as stack:
        connecting = [asyncio.create_task(connect(address, stack)) for _ in range(CLIENTS)]
        # Until all have tried once: those of the other are through, and none of ours is.
        await asyncio.sleep(0)
        server = await asyncio.start_server(greet, sock=staying)
        stack.push_async_callback(close, [server])
        with pytest.raises(BlockingIOError):
            leaving.accept()
        leaving.close()
        greeted = await asyncio.gather(*connecting)

    assert greeted == [b"hello"] * CLIENTS


async def connect(address: str, stack: contextlib.AsyncExitStack) -> bytes:
    """Connect, and return what the one who accepts says."""
    reader, writer = await asyncio.open_connection(*split_address(address))
    stack.callback(writer.close)
    return await reader.readexactly(5)


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say hello."""
    writer.write(b"hello")
    writer.close()


async def close(servers: Sequence[asyncio.Server]) -> None:
    """Close *servers*."""
    for each in servers:
        each.close()
        await each.wait_closed()
