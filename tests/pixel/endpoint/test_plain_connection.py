"""A connection of plain requests: kept, ended and passed on as any other."""

import asyncio
import contextlib
import datetime as dt
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from pixel_service.endpoint import plain_connection
from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.connections import MAX_OCTETS
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.image import PIXEL_GIF
from pixel_service.endpoint.limits import ConnectionCounts, ConnectionLimits, Refusal
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.endpoint.serving import PixelServer
from pixel_service.intake import PixelFetch
from service_runtime.listen import address_of

GRACE = dt.timedelta(seconds=30)
NO_GRACE = dt.timedelta()

Done = Callable[[], None]


class Waiting:
    """A server whose fetches wait until the test answers them."""

    def __init__(self) -> None:
        self.server = PixelServer(
            PixelHandler(self._take, ClientAddresses()), limits=ConnectionLimits()
        )
        self.address = ""
        self.tokens: list[str] = []
        self._taken: asyncio.Queue[Done] = asyncio.Queue()

    def _take(self, fetch: PixelFetch, done: Done) -> None:
        self.tokens.append(fetch.token)
        self._taken.put_nowait(done)

    async def taken(self) -> Done:
        """Return what answers the next fetch, once it has come."""
        return await self._taken.get()


@pytest.fixture
async def waiting() -> AsyncIterator[Waiting]:
    waiting = Waiting()
    sockets = listen_for_pixels("127.0.0.1:0")
    await waiting.server.start(sockets)
    waiting.address = address_of("127.0.0.1:0", sockets)
    yield waiting
    await waiting.server.end(grace=NO_GRACE)


@contextlib.asynccontextmanager
async def connected(
    waiting: Waiting,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = waiting.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def get(token: str) -> bytes:
    return f"GET /o/{token}.gif HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_what_is_asked_before_an_answer_comes_after_it(waiting: Waiting) -> None:
    """A client that does not wait gets its answers in order, one open each."""
    async with connected(waiting) as (reader, writer):
        writer.write(get("a"))
        first = await waiting.taken()
        writer.write(get("b") + get("c"))
        await writer.drain()
        first()
        await reader.readuntil(PIXEL_GIF)
        for _ in range(2):
            (await waiting.taken())()
            await reader.readuntil(PIXEL_GIF)

    assert waiting.tokens == ["a", "b", "c"]


async def test_request_in_pieces_is_answered(waiting: Waiting) -> None:
    """However a request is cut on its way, it is one open."""
    async with connected(waiting) as (reader, writer):
        for octet in get("token"):
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        (await waiting.taken())()
        await reader.readuntil(PIXEL_GIF)
        writer.write(get("next"))
        (await waiting.taken())()
        await reader.readuntil(PIXEL_GIF)

    assert waiting.tokens == ["token", "next"]


async def test_client_that_leaves_before_its_answer_is_an_open(waiting: Waiting) -> None:
    """What was taken stays taken, and answering nobody does no harm."""
    async with connected(waiting) as (_, writer):
        writer.write(get("left"))
        done = await waiting.taken()
        # Closed without waiting for what is on its way: the server hears of it at once.
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.close()
        await waiting.server.let_go(grace=GRACE)
        done()

    assert waiting.tokens == ["left"]


async def test_client_that_says_it_sends_no_more_is_answered(waiting: Waiting) -> None:
    """A half-closed connection is closed after its answer, whatever was asked ahead."""
    async with connected(waiting) as (reader, writer):
        writer.write(get("a"))
        done = await waiting.taken()
        writer.write(get("b"))
        writer.write_eof()
        done()
        (await waiting.taken())()
        answers = await reader.read()

    assert answers.count(PIXEL_GIF) == 2
    assert waiting.tokens == ["a", "b"]


async def test_silent_connection_is_closed(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who keeps a connection and asks nothing for long loses it."""
    monkeypatch.setattr(plain_connection, "KEEPALIVE", dt.timedelta(milliseconds=20))
    async with connected(waiting) as (silent, _):
        assert await silent.read() == b""

    assert waiting.tokens == []


async def test_end_waits_for_what_is_being_recorded(waiting: Waiting) -> None:
    """Idle connections are closed at once, others after an answer that says so."""
    async with connected(waiting) as (reader, writer), connected(waiting) as (idle, asking):
        asking.write(get("first"))
        (await waiting.taken())()
        await idle.readuntil(PIXEL_GIF)
        writer.write(get("last"))
        done = await waiting.taken()
        ending = asyncio.create_task(waiting.server.end(grace=GRACE))
        assert await idle.read() == b""
        assert not ending.done()
        done()
        answer = await reader.read()
        await ending

    assert b"Connection: close" in answer
    assert answer.endswith(PIXEL_GIF)


async def test_grace_has_an_end(waiting: Waiting) -> None:
    """A connection whose fetch is never recorded is cut off after the grace."""
    async with connected(waiting) as (reader, writer):
        writer.write(get("never"))
        await waiting.taken()
        await waiting.server.end(grace=NO_GRACE)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_who_sends_much_before_its_answer_is_cut_off(waiting: Waiting) -> None:
    """What is sent ahead is bounded as any request is, and the connection's place is free again."""
    async with connected(waiting) as (reader, writer):
        writer.write(get("first"))
        done = await waiting.taken()
        with contextlib.suppress(ConnectionError):
            writer.write(bytes(MAX_OCTETS + 1))
            await writer.drain()
            assert await reader.read() == b""
    done()

    assert waiting.server.counts == ConnectionCounts(open=0, refused={Refusal.OCTETS: 1})
    assert waiting.server.octets == 0
