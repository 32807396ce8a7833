"""The endpoint by TLS: the same answers, and no room for those who say nothing."""

import asyncio
import contextlib
import datetime as dt
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from pixel_service.endpoint import connections
from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.image import PIXEL_GIF
from pixel_service.endpoint.limits import ConnectionLimits, Refusal
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.endpoint.serving import PixelServer, pixel_server
from pixel_service.intake import PixelFetch
from service_runtime.certificates import Certificate
from service_runtime.listen import address_of
from tests.fixtures.tls_services import Certificates

PLAIN = b"GET /o/a.gif HTTP/1.1\r\nHost: x\r\n\r\n"
GENERAL = b"POST /o/b.gif HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
LAST = b"GET /o/c.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

# A ClientHello that is begun, and never ended (RFC 8446 section 5.1).
BEGUN = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"


def take(_: PixelFetch, done: Callable[[], None]) -> None:
    done()


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@contextlib.asynccontextmanager
async def served(
    certificates: Certificates,
    *,
    limits: ConnectionLimits | None = None,
    sockets: Sequence[socket.socket] | None = None,
) -> AsyncIterator[tuple[PixelServer, tuple[str, int]]]:
    """Serve pixels by TLS inside the block."""
    sockets = sockets or listen_for_pixels("127.0.0.1:0")
    host, port = address_of("127.0.0.1:0", sockets).split(":")
    async with pixel_server(
        sockets=sockets,
        handler=PixelHandler(take, ClientAddresses()),
        grace=dt.timedelta(seconds=1),
        limits=limits or ConnectionLimits(),
        tls=Certificate(certificates.plain, port="http").http_context(),
    ) as server:
        yield server, (host, int(port))


async def until(holds: Callable[[], bool]) -> None:
    """Wait until what is asked for holds; the test's time limit is the wait's."""
    for _ in itertools.count():
        if holds():
            return
        await asyncio.sleep(0.001)


async def ended(reader: asyncio.StreamReader) -> None:
    """Wait until the service has closed a connection; aborted, if octets of it were not read."""
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""


async def answered(address: tuple[str, int], context: ssl.SSLContext, *requests: bytes) -> bytes:
    """Return all that is answered to *requests*, sent one after the other."""
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    try:
        for request in requests:
            writer.write(request)
        return await reader.read()
    finally:
        writer.close()


async def test_every_kind_of_request_is_answered(certificates: Certificates) -> None:
    """On one connection: plain ones, what only the general server takes, and plain ones again."""
    async with served(certificates) as (_, address):
        octets = await answered(address, certificates.context(), PLAIN, GENERAL, LAST)

    assert octets.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert octets.count(b"HTTP/1.1 405 ") == 1
    assert octets.count(PIXEL_GIF) == 2
    assert octets.endswith(PIXEL_GIF)


@pytest.mark.parametrize("begun", [b"", BEGUN])
async def test_connection_that_does_not_agree_on_keys_is_closed(
    certificates: Certificates, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as a request's head would have had to be there, and its place is free."""
    limits = ConnectionLimits(head_seconds=0.5)
    monkeypatch.setattr(connections, "_LOOK_SECONDS", 0.01)
    async with served(certificates, limits=limits) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(begun)
        await ended(reader)
        writer.close()
        await until(lambda: server.counts.open == 0)

        assert server.counts.refused == {Refusal.SLOW: 1}


@pytest.mark.parametrize("begun", [b"", BEGUN])
async def test_connections_that_agree_on_no_keys_take_places(
    certificates: Certificates, begun: bytes
) -> None:
    """Like all others, from the start; who leaves makes room for somebody else."""
    limits = ConnectionLimits(for_each_network=3)
    async with served(certificates, limits=limits) as (server, address):
        silent = [await asyncio.open_connection(*address) for _ in range(3)]
        for _, writer in silent:
            writer.write(begun)
        await until(lambda: server.counts.open == 3)
        reader, writer = await asyncio.open_connection(*address)
        await ended(reader)
        writer.close()
        assert server.counts.refused == {Refusal.NETWORK: 1}
        for _, each in silent:
            each.close()
        await until(lambda: server.counts.open == 0)

        assert PIXEL_GIF in await answered(address, certificates.context(), LAST)


async def test_connections_that_agree_on_no_keys_give_way(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds every place and ends no handshake keeps nobody out."""
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 0.0)
    limits = ConnectionLimits(in_all=20, for_each_network=1_000)
    async with served(certificates, limits=limits) as (server, address):
        silent = [await asyncio.open_connection(*address) for _ in range(60)]
        for _ in range(10):
            assert PIXEL_GIF in await answered(address, certificates.context(), LAST)

        assert server.counts.open <= 20
        assert server.counts.refused.keys() == {Refusal.IDLE}
        for _, writer in silent:
            writer.close()


async def test_service_ends_without_those_who_agree_on_no_keys(
    certificates: Certificates,
) -> None:
    """A planned end cuts them off: they have asked for nothing."""
    async with served(certificates) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(BEGUN)
        await until(lambda: server.counts.open == 1)
    await ended(reader)
    writer.close()

    assert server.counts.open == 0


async def test_request_that_comes_with_the_handshake_is_answered(
    certificates: Certificates,
) -> None:
    """A client of TLS 1.3 sends its request together with the end of its handshake."""
    outgoing, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = certificates.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    async with served(certificates) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        while True:
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65_536))
            else:
                break
        client.write(LAST)
        # The end of the handshake and the request, in one write.
        writer.write(outgoing.read())
        octets = b""
        while PIXEL_GIF not in octets:
            incoming.write(await reader.read(65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                octets += client.read(65_536)
        writer.close()

    assert octets.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_hundreds_of_handshakes_keep_nobody_waiting(certificates: Certificates) -> None:
    """Who agrees on keys and asks is answered among those who never end their handshake."""
    limits = ConnectionLimits(for_each_network=1_000)
    async with served(certificates, limits=limits) as (server, address):
        silent = [await asyncio.open_connection(*address) for _ in range(400)]
        for _, writer in silent:
            writer.write(BEGUN)
        asking = (answered(address, certificates.context(), LAST) for _ in range(20))

        assert all(PIXEL_GIF in each for each in await asyncio.gather(*asking))
        assert server.counts.open >= 400
        for _, writer in silent:
            writer.close()
        await until(lambda: server.counts.open == 0)


@contextlib.asynccontextmanager
async def fetching(address: tuple[str, int], context: ssl.SSLContext) -> AsyncIterator[list[bool]]:
    """Fetch inside the block, over a connection of its own each time; give what came of it."""
    found: list[bool] = []
    is_over = asyncio.Event()

    async def fetch() -> None:
        while not is_over.is_set():
            found.append(PIXEL_GIF in await answered(address, context, LAST))

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(fetch())
        await until(lambda: len(found) >= 4)
        yield found
        before = len(found)
        await until(lambda: len(found) >= before + 8)
        is_over.set()


@pytest.mark.parametrize("shares_sockets", [True, False])
async def test_successor_takes_over_without_a_failed_fetch(
    certificates: Certificates, *, shares_sockets: bool
) -> None:
    """Whether it accepts at the same sockets, or listens at the address with its own."""
    own = listen_for_pixels("127.0.0.1:0", reuse_port=True)
    address = address_of("127.0.0.1:0", own)
    others = (
        [each.dup() for each in own]
        if shares_sockets
        else listen_for_pixels(address, reuse_port=True)
    )
    async with (
        contextlib.AsyncExitStack() as stack,
        served(certificates, sockets=others) as (_, where),
    ):
        server, _ = await stack.enter_async_context(served(certificates, sockets=own))
        async with fetching(where, certificates.context()) as found:
            if shares_sockets:
                await server.let_go(grace=dt.timedelta(seconds=30))
            else:
                await server.hand_over(own, grace=dt.timedelta(seconds=30))
            await stack.aclose()

    assert all(found)
