"""What strangers do to the endpoint costs others nothing, over real sockets."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import itertools
import socket
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping, Sequence
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from pixel_service.endpoint import connections
from pixel_service.endpoint.client_address import ClientAddresses, IpNetwork
from pixel_service.endpoint.connections import MAX_OCTETS
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.image import PIXEL_GIF
from pixel_service.endpoint.limits import ConnectionLimits, Refusal
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.endpoint.serving import PixelServer, pixel_server
from pixel_service.intake import PixelFetch
from service_runtime.listen import address_of

LOOPBACK: Final = ipaddress.ip_network("127.0.0.0/8")
GRACE: Final = dt.timedelta(seconds=1)
FETCH: Final = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_FETCH: Final = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Serving:
    """A running endpoint, and what it was asked for."""

    def __init__(self) -> None:
        self.fetches: list[PixelFetch] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_asked = asyncio.Event()
        self._answering: list[asyncio.Future[Any]] = []
        self.address = ("", 0)
        self.server: PixelServer

    def take(self, fetch: PixelFetch, done: Callable[[], None]) -> None:
        self.fetches.append(fetch)
        self.is_asked.set()
        if self.may_answer.is_set():
            done()
            return
        answering = asyncio.ensure_future(self.may_answer.wait())
        answering.add_done_callback(lambda _: done())
        self._answering.append(answering)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.address)

    async def exchange(self, *octets: bytes, half_close: bool = False) -> bytes:
        """Send *octets*, each when the one before has gone; return all that is answered."""
        reader, writer = await self.connect()
        with contextlib.suppress(ConnectionError):
            for each in octets:
                writer.write(each)
                await writer.drain()
            if half_close:
                writer.write_eof()
        answer = b""
        with contextlib.suppress(ConnectionError):
            while more := await reader.read(65_536):
                answer += more
        writer.close()
        return answer

    async def is_answered(self) -> bool:
        """Say whether somebody else is answered."""
        return (await self.exchange(LAST_FETCH)).endswith(PIXEL_GIF)

    def refused(self, reason: Refusal) -> int:
        return self.server.counts.refused.get(reason, 0)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until what is asked for holds; the test's time limit is the wait's."""
    for _ in itertools.count():
        if holds():
            return
        await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def serving(
    *, limits: ConnectionLimits | None = None, proxies: Sequence[IpNetwork] = ()
) -> AsyncIterator[Serving]:
    """Serve pixels inside the block."""
    running = Serving()
    handler = PixelHandler(running.take, ClientAddresses(trusted_proxies=proxies))
    sockets = listen_for_pixels("127.0.0.1:0")
    host, port = address_of("127.0.0.1:0", sockets).split(":")
    running.address = (host, int(port))
    async with pixel_server(
        sockets=sockets, handler=handler, grace=GRACE, limits=limits or ConnectionLimits()
    ) as server:
        running.server = server
        yield running


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have connections looked at a hundred times as often."""
    monkeypatch.setattr(connections, "_LOOK_SECONDS", 0.01)


class Heads:
    """The time that heads may take: plenty, until a test has it be over.

    A limit so short that a test can wait for it would also hit those whom it should not.
    """

    def __init__(self) -> None:
        self.limits = ConnectionLimits(head_seconds=3_600.0)

    @contextlib.contextmanager
    def are_late(self) -> Iterator[None]:
        """Have every head that was begun be late inside the block."""
        plenty = self.limits.head_seconds
        object.__setattr__(self.limits, "head_seconds", 0.0)
        try:
            yield
        finally:
            object.__setattr__(self.limits, "head_seconds", plenty)


def an_upload(body: bytes, *fields: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    head = (b"POST /o/t.gif HTTP/1.1", b"Host: x", b"Connection: close", length, *fields)
    return b"\r\n".join((*head, b"", body))


async def test_body_that_unpacks_to_much_costs_what_its_octets_cost() -> None:
    """A body is never unpacked: one that would become a thousand times as long is as cheap."""
    packing = zlib.compressobj(9, wbits=31)
    bomb = packing.compress(bytes(50_000_000)) + packing.flush()
    bomb_upload = an_upload(bomb, b"Content-Encoding: gzip")
    plain_upload = an_upload(bomb)

    async def cost_of(upload: bytes) -> float:
        before = time.process_time()
        for _ in range(30):
            assert (await running.exchange(upload)).startswith(b"HTTP/1.1 405 ")
        return time.process_time() - before

    async with serving() as running:
        await cost_of(plain_upload)  # the first has more to do
        plain = await cost_of(plain_upload)

        # Unpacked, it is a hundred times as expensive. The collector of garbage comes once.
        assert min([await cost_of(bomb_upload) for _ in range(2)]) < 10 * plain
        assert await running.is_answered()


@pytest.mark.parametrize("lines", [8, 120])
async def test_head_beyond_64_kib_is_refused(lines: int) -> None:
    """However its octets are spread over lines, a head has a limit as a whole."""
    head = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\n" + (b"X: %s\r\n" % (b"a" * 16_000)) * lines
    async with serving() as running:
        answer = await running.exchange(
            *(head[at : at + 8_000] for at in range(0, len(head), 8_000))
        )

        assert answer in (b"", connections.TOO_LARGE.octets(stays=False)) or b" 431 " in answer
        assert running.fetches == []
        assert running.refused(Refusal.OCTETS) == 1
        assert await running.is_answered()


async def test_head_below_64_kib_is_answered() -> None:
    """What proxies add fits, however much that is."""
    head = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    fields = (b"X: %s\r\n" % (b"a" * 16_000)) * 3
    async with serving() as running:
        answer = await running.exchange(head, fields, b"\r\n")

    assert answer.endswith(PIXEL_GIF)


@pytest.mark.usefixtures("quick_looks")
async def test_unfinished_heads_have_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many connections that each stay below their limit do not fill the memory."""
    monkeypatch.setattr(connections, "_MAX_OCTETS_IN_ALL", 1_000_000)
    head = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\n" + (b"X: %s\r\n" % (b"a" * 10_000)) * 6
    async with serving() as running:
        clients = [await running.connect() for _ in range(30)]
        for _, writer in clients:
            writer.write(head)
        await until(
            lambda: (
                running.server.counts.open + running.refused(Refusal.OCTETS) == 30
                and running.server.octets == len(head) * running.server.counts.open
            )
        )

        assert running.server.octets <= 1_000_000
        assert running.refused(Refusal.OCTETS) >= 14
        assert await running.is_answered()
        for _, writer in clients:
            writer.transport.abort()
        await until(lambda: running.server.counts.open == 0)
        assert running.server.octets == 0


async def test_upload_without_end_is_cut_off() -> None:
    """A body is read no further than a head would be."""
    head = b"POST /o/t.gif HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    async with serving() as running:
        answer = await running.exchange(head, *[bytes(10_000)] * 1_000)

        assert answer == b"" or answer.startswith(b"HTTP/1.1 405 ")
        assert running.refused(Refusal.OCTETS) == 1
        assert await running.is_answered()


@pytest.mark.usefixtures("quick_looks")
async def test_who_sends_a_head_slowly_is_cut_off() -> None:
    """A head has a deadline, however steadily its octets come."""
    heads = Heads()
    async with serving(limits=heads.limits) as running:
        reader, writer = await running.connect()

        async def drip() -> None:
            writer.write(b"GET /o/t.gif HTTP/1.1\r\nX: ")
            while True:
                writer.write(b"a")
                await asyncio.sleep(0.002)

        dripping = asyncio.create_task(drip())
        await until(lambda: running.server.octets > 30)
        with heads.are_late(), contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        dripping.cancel()
        writer.close()

        assert running.refused(Refusal.SLOW) == 1
        assert await running.is_answered()


@pytest.mark.usefixtures("quick_looks")
async def test_who_says_nothing_is_cut_off() -> None:
    """A connection that never asks ends at the deadline of a head."""
    heads = Heads()
    async with serving(limits=heads.limits) as running:
        reader, writer = await running.connect()
        await until(lambda: running.server.counts.open == 1)
        with heads.are_late():
            assert await reader.read() == b""

        assert running.refused(Refusal.SLOW) == 1
        writer.close()


@pytest.mark.usefixtures("quick_looks")
async def test_who_has_asked_may_stay(logs: list[MutableMapping[str, Any]]) -> None:
    """Proxies keep their connections between bursts, longer than a head may take."""
    heads = Heads()
    async with serving(limits=heads.limits) as running:
        reader, writer = await running.connect()
        writer.write(FETCH)
        await reader.readuntil(PIXEL_GIF)
        silent_reader, silent_writer = await running.connect()
        await until(lambda: running.server.counts.open == 2)
        with heads.are_late():
            assert await silent_reader.read() == b""
        silent_writer.close()
        writer.write(FETCH)

        assert await reader.readuntil(PIXEL_GIF)
        assert running.refused(Refusal.SLOW) == 1
        writer.close()
        await until(lambda: any(each["event"] == "connections refused" for each in logs))
    (entry,) = (each for each in logs if each["event"] == "connections refused")
    assert (entry["count"], entry["total"]) == (1, {"request_too_slow": 1})


async def test_one_network_has_a_limit_of_connections() -> None:
    """Who opens connections without end is refused; who closes one may open another."""
    async with serving(limits=ConnectionLimits(in_all=100, for_each_network=20)) as running:
        clients = [await running.connect() for _ in range(20)]
        assert not await running.is_answered()
        assert running.refused(Refusal.NETWORK) == 1
        clients[0][1].close()
        await until(lambda: running.server.counts.open < 20)

        assert await running.is_answered()
        for _, writer in clients:
            writer.close()


async def test_proxies_of_the_operator_have_no_limit_of_their_own() -> None:
    """Everybody comes through them."""
    limits = ConnectionLimits(in_all=100, for_each_network=5)
    async with serving(limits=limits, proxies=[LOOPBACK]) as running:
        clients = [await running.connect() for _ in range(20)]

        assert await running.is_answered()
        for _, writer in clients:
            writer.close()


async def test_silent_connections_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds every place and says nothing keeps nobody out."""
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 0.0)
    limits = ConnectionLimits(in_all=50, for_each_network=1_000)
    async with serving(limits=limits) as running:
        clients = [await running.connect() for _ in range(50)]
        for _ in range(100):
            assert await running.is_answered()

        assert running.server.counts.open <= 50
        assert running.refused(Refusal.IN_ALL) == 0
        assert running.refused(Refusal.IDLE) >= 1
        for _, writer in clients:
            writer.close()


async def test_connections_at_work_keep_their_places() -> None:
    """Nobody is cut off in the middle of a request: who comes then is refused."""
    async with serving(limits=ConnectionLimits(in_all=10, for_each_network=100)) as running:
        running.may_answer.clear()
        clients = [await running.connect() for _ in range(10)]
        for _, writer in clients:
            writer.write(LAST_FETCH)
        await until(lambda: len(running.fetches) == 10)
        assert not await running.is_answered()
        running.may_answer.set()

        assert running.refused(Refusal.IN_ALL) == 1
        for reader, writer in clients:
            assert (await reader.read()).endswith(PIXEL_GIF)
            writer.close()


@pytest.mark.parametrize("is_held", [True, False])
async def test_half_closed_client_gets_its_pixel(*, is_held: bool) -> None:
    """FIN right after the request says that nothing more is asked, not that nobody listens."""
    async with serving() as running:
        if is_held:
            running.may_answer.clear()
        exchanges = [
            asyncio.create_task(running.exchange(FETCH, half_close=True)) for _ in range(100)
        ]
        await until(lambda: len(running.fetches) == 100)
        running.may_answer.set()

        assert [answer.endswith(PIXEL_GIF) for answer in await asyncio.gather(*exchanges)] == (
            [True] * 100
        )
        await until(lambda: running.server.counts.open == 0)


async def test_pipelined_requests_are_all_answered() -> None:
    """As many as anybody sends ahead, in order."""
    async with serving() as running:
        answer = await running.exchange(FETCH * 100 + LAST_FETCH)

    assert answer.count(PIXEL_GIF) == 101
    assert len(running.fetches) == 101


async def test_requests_sent_far_ahead_are_bounded() -> None:
    """Who sends without waiting for an answer fills no memory while answers wait."""
    async with serving() as running:
        running.may_answer.clear()
        many = FETCH * 1_000
        answer = await running.exchange(FETCH, *[many] * 30)
        running.may_answer.set()

        assert PIXEL_GIF not in answer
        assert running.refused(Refusal.OCTETS) == 1
        assert running.server.octets <= MAX_OCTETS


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding : chunked",
        b"X: a\r\n Transfer-Encoding: chunked",
        b"X: a\nTransfer-Encoding: chunked",
        b"X: a\rTransfer-Encoding: chunked",
        b"X: a\x00b",
    ],
)
async def test_request_that_hides_another_is_refused(fields: bytes) -> None:
    """Where two readers could disagree about a request's end, there is no request."""
    hidden = b"GET /o/hidden.gif HTTP/1.1\r\nHost: x\r\n\r\n"
    request = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n0\r\n\r\n%s" % (fields, hidden)
    async with serving() as running:
        answer = await running.exchange(request, half_close=True)

    assert "hidden" not in {fetch.token for fetch in running.fetches}
    assert answer.count(PIXEL_GIF) <= 1


async def test_bodies_that_cannot_be_read_are_not_logged(
    logs: list[MutableMapping[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody could fill the log with them."""
    request = (
        b"POST /o/t.gif HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"no chunk at all\r\n",
    )
    async with serving() as running:
        await asyncio.gather(*(running.exchange(*request) for _ in range(50)))
        assert await running.is_answered()

    assert [each for each in logs if each["log_level"] in ("warning", "error")] == []
    assert [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")] == []


async def test_connection_that_is_refused_leaves_nothing() -> None:
    """However many are refused, what is kept of them is a count."""
    async with serving(limits=ConnectionLimits(in_all=10, for_each_network=1)) as running:
        with socket.create_connection(running.address):
            await until(lambda: running.server.counts.open == 1)
            for _ in range(50):
                assert await running.exchange() == b""
            assert running.server.counts.open == 1
            assert running.refused(Refusal.NETWORK) == 50
