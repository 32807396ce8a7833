"""The endpoint answers as the contract with mail clients says, over real sockets."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from pixel_service.endpoint.client_address import ClientAddresses, ForwardedHeader
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.image import PIXEL_GIF
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.endpoint.serving import pixel_server
from pixel_service.intake import PixelFetch
from service_runtime.listen import ListenError, address_of
from service_runtime.times import now_us

GRACE = dt.timedelta(seconds=1)
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


class Fetches(list[PixelFetch]):
    """What the endpoint hands on."""

    def record(self, fetch: PixelFetch, done: Callable[[], None]) -> None:
        self.append(fetch)
        done()


@pytest.fixture
def fetches() -> Fetches:
    return Fetches()


@contextlib.asynccontextmanager
async def a_server(handler: PixelHandler) -> AsyncIterator[str]:
    """Serve pixels at a free port; yields the address."""
    sockets = listen_for_pixels("127.0.0.1:0")
    async with pixel_server(sockets=sockets, handler=handler, grace=GRACE):
        yield address_of("127.0.0.1:0", sockets)


@pytest.fixture
async def address(fetches: Fetches) -> AsyncIterator[str]:
    handler = PixelHandler(fetches.record, ClientAddresses())
    async with a_server(handler) as address:
        yield address


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def exchange(address: str, request: bytes) -> bytes:
    """Return everything that the server answers to *request* until it closes."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_get_is_an_open_and_gets_the_image(
    address: str, fetches: Fetches, browser: aiohttp.ClientSession
) -> None:
    """A GET hands on who fetched and when, and is answered with the image."""
    before = now_us()
    headers = {"User-Agent": "Mozilla/5.0", "Sec-Purpose": "prefetch"}
    async with browser.get(f"http://{address}/o/token-1_x.gif?a=b", headers=headers) as response:
        body = await response.read()

    assert (response.status, body) == (200, PIXEL_GIF)
    assert response.headers["Content-Type"] == "image/gif"
    (fetch,) = fetches
    assert fetch.token == "token-1_x"  # noqa: S105 - of a pixel
    assert fetch.ip_address == "127.0.0.1"
    assert fetch.user_agent == "Mozilla/5.0"
    assert fetch.purposes == {"sec-purpose": "prefetch"}
    assert before <= fetch.open_us <= now_us()


async def test_nothing_may_keep_the_image(address: str, browser: aiohttp.ClientSession) -> None:
    """The header fields forbid storing and reuse, and offer nothing to validate with."""
    async with browser.get(f"http://{address}/o/t.gif") as response:
        headers = response.headers

    assert {"no-store", "no-cache", "private", "max-age=0", "must-revalidate"} == set(
        headers["Cache-Control"].split(", ")
    )
    assert headers["Expires"] == "0"
    assert headers["Pragma"] == "no-cache"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert not {"ETag", "Last-Modified", "Set-Cookie", "Location"} & set(headers)


async def test_head_gets_header_fields_and_is_no_open(
    address: str, fetches: Fetches, browser: aiohttp.ClientSession
) -> None:
    """HEAD is answered as GET is, without the image, and is not an open."""
    async with browser.head(f"http://{address}/o/t.gif") as response:
        body = await response.read()

    assert (response.status, response.headers["Content-Length"], body) == (200, "43", b"")
    assert fetches == []


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": "*"},
        {"If-None-Match": '"x"'},
        {"If-Modified-Since": "Tue, 24 Nov 2099 08:00:00 GMT"},
        {"Range": "bytes=0-0"},
        {"Range": "bytes=100-"},
        {"If-Match": '"x"'},
        {"Accept": "text/html"},
        {"Accept-Encoding": "gzip"},
    ],
)
async def test_conditional_and_range_requests_get_the_whole_image(
    headers: dict[str, str], address: str, fetches: Fetches, browser: aiohttp.ClientSession
) -> None:
    """Never 304, 206, 412 or 416: each is an open and gets the image."""
    async with browser.get(f"http://{address}/o/t.gif", headers=headers) as response:
        body = await response.read()

    assert (response.status, body, len(fetches)) == (200, PIXEL_GIF, 1)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
async def test_other_methods_are_refused(
    method: str, address: str, fetches: Fetches, browser: aiohttp.ClientSession
) -> None:
    """Only GET and HEAD are allowed, and the answer says so."""
    async with browser.request(method, f"http://{address}/o/t.gif", data=b"x") as response:
        body = await response.read()

    assert (response.status, response.headers["Allow"], body) == (405, "GET, HEAD", b"")
    assert fetches == []


@pytest.mark.parametrize("path", ["/", "/o/", "/o/t", "/o/a/b.gif", "/x/t.gif", "/robots.txt"])
async def test_other_paths_are_not_found(
    path: str, address: str, fetches: Fetches, browser: aiohttp.ClientSession
) -> None:
    """There is nothing but pixels."""
    async with browser.get(f"http://{address}{path}") as response:
        body = await response.read()

    assert (response.status, body, fetches) == (404, b"", [])


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged."""
    with capture_logs() as entries:
        yield entries


async def test_image_is_served_when_recording_fails(
    logs: list[MutableMapping[str, Any]],
) -> None:
    """Whatever goes wrong after the endpoint, the image is whole, and the log has the place."""

    def fail(fetch: PixelFetch, _: Callable[[], None]) -> None:
        raise RuntimeError(f"disk on fire: {fetch.token}")

    handler = PixelHandler(fail, ClientAddresses())
    async with (
        a_server(handler) as address,
        aiohttp.ClientSession() as browser,
        browser.get(f"http://{address}/o/t.gif") as response,
    ):
        assert (response.status, await response.read()) == (200, PIXEL_GIF)

    (entry,) = (each for each in logs if each["event"] == "fetch not recorded")
    assert entry["frames"][0] == "builtins.RuntimeError"
    assert entry["frames"][-1].startswith("tests/pixel/endpoint/test_handler.py:")
    assert "disk on fire" not in str(entry)


async def test_image_is_sent_only_when_the_open_is_recorded(
    browser: aiohttp.ClientSession,
) -> None:
    """The answer waits for the recording."""
    recording: asyncio.Future[Callable[[], None]] = asyncio.get_running_loop().create_future()

    def record(_: PixelFetch, done: Callable[[], None]) -> None:
        recording.set_result(done)

    handler = PixelHandler(record, ClientAddresses())
    async with a_server(handler) as address:
        response = asyncio.create_task(browser.get(f"http://{address}/o/t.gif"))
        done = await recording
        assert not response.done()
        done()

        assert (await response).status == 200


async def test_connection_is_kept_for_http_1_1_and_closed_when_asked(address: str) -> None:
    """Two requests on one connection get two images; the one that says close is the last."""
    answer = await exchange(
        address,
        b"GET /o/a.gif HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /o/b.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )

    assert answer.count(PIXEL_GIF) == 2
    assert answer.count(b"Connection: close") == 1


async def test_http_1_0_is_answered_and_closed(address: str) -> None:
    """Old clients get the image, too."""
    answer = await exchange(address, b"GET /o/a.gif HTTP/1.0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(PIXEL_GIF)


async def test_too_long_requests_are_refused(address: str, fetches: Fetches) -> None:
    """A URL or a header field beyond its limit is refused, and is no open."""
    for request in (
        b"GET /o/" + b"a" * 10_000 + b".gif HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /o/a.gif HTTP/1.1\r\nHost: x\r\nX-Field: " + b"a" * 100_000 + b"\r\n\r\n",
    ):
        answer = await exchange(address, request)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))

    assert fetches == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /o/telltale.gif HTTP/9.9\r\n\r\n",
        b"GET /o/telltale.gif HTTP/1.1\r\nHost: x\r\nUser-Agent: telltale\x00\r\n\r\n",
        b"GET /o/telltale.gif HTTP/1.1\r\nHost: x\r\nContent-Length: telltale\r\n\r\n",
        b"GET /o/telltale%s.gif HTTP/1.1\r\n\r\n" % (b"a" * 9_000),
        b"POST /o/telltale.gif HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\ntelltale\r\n",
        b"telltale\r\n\r\n",
    ],
)
async def test_nothing_of_a_broken_request_is_logged(
    request_: bytes, address: str, fetches: Fetches, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither who sent it nor what: it may be of a message that keeps nothing."""
    caplog.set_level(logging.DEBUG)
    answer = await exchange(address, request_)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"telltale" not in answer
    assert b"Server:" not in answer
    assert fetches == []
    assert "telltale" not in caplog.text
    assert "127.0.0.1" not in caplog.text.replace(f"serving pixels address={address}", "")


async def test_what_fails_inside_is_logged_without_the_fetch(
    logs: list[MutableMapping[str, Any]],
) -> None:
    """An operator learns that something fails, and which error it is."""

    class Failing(PixelHandler):
        async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
            raise RuntimeError(f"telltale {request.remote} {request.path}")

    handler = Failing(Fetches().record, ClientAddresses())
    async with a_server(handler) as address:
        answer = await exchange(
            address, b"GET /o/telltale.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )

    assert b" 500 " in answer
    (entry,) = (each for each in logs if each["event"] == "request not handled")
    assert entry["error"] == "RuntimeError"
    assert entry["frames"][-1].endswith(" handle")
    assert b"telltale" not in answer
    assert "telltale" not in str(logs)


async def test_who_asks_and_never_reads_is_cut_off(address: str) -> None:
    """Answers that nobody takes do not pile up without limit."""
    host, port = address.split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1)
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport has it
    request = b"GET /o/a.gif HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000

    async def ask_for_ever() -> None:
        while True:
            writer.write(request)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await ask_for_ever()


@pytest.mark.parametrize(("trusted", "expected"), [((), "127.0.0.1"), ((LOOPBACK,), "203.0.113.9")])
async def test_forwarded_address_counts_behind_trusted_proxies_only(
    trusted: tuple[ipaddress.IPv4Network, ...],
    expected: str,
    fetches: Fetches,
    browser: aiohttp.ClientSession,
) -> None:
    """X-Forwarded-For is a claim, believed when the operator trusts who makes it."""
    handler = PixelHandler(fetches.record, ClientAddresses(trusted_proxies=trusted))
    async with a_server(handler) as address:
        headers = {"X-Forwarded-For": "203.0.113.9"}
        async with browser.get(f"http://{address}/o/t.gif", headers=headers):
            pass

    assert [fetch.ip_address for fetch in fetches] == [expected]


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("for=203.0.113.9;proto=https", "203.0.113.9"),
        ('proto=https;For="[2001:db8::1]:4711"', "2001:db8::1"),
        ("for=192.0.2.1, for=203.0.113.9;by=10.0.0.1", "203.0.113.9"),
        ("for=_hidden", None),
        ("proto=https", None),
        # What a client wrote into a quoted string stays there.
        ('for=203.0.113.9;host="x, for=8.8.8.8"', "203.0.113.9"),
        ('for=8.8.8.8;host="x, for=203.0.113.9;proto=http', "203.0.113.9"),
        ('for=203.0.113.9;host="x\\", for=8.8.8.8"', "203.0.113.9"),
    ],
)
async def test_forwarded_is_read_by_the_grammar_of_rfc_7239(
    forwarded: str, expected: str | None, fetches: Fetches, browser: aiohttp.ClientSession
) -> None:
    """A client's words in a quoted string name nobody."""
    addresses = ClientAddresses(trusted_proxies=(LOOPBACK,), header=ForwardedHeader.FORWARDED)
    async with (
        a_server(PixelHandler(fetches.record, addresses)) as address,
        browser.get(f"http://{address}/o/t.gif", headers={"Forwarded": forwarded}),
    ):
        pass

    assert [fetch.ip_address for fetch in fetches] == [expected]


@pytest.mark.parametrize(
    "target",
    [
        b"http://pixel.example.com/o/t.gif",
        b"HTTPS://pixel.example.com:8443/o/t.gif?a=b",
        b"http://[::1]/o/t.gif",
    ],
)
async def test_target_in_absolute_form_is_the_same_pixel(
    target: bytes, address: str, fetches: Fetches
) -> None:
    """What is sent to a proxy reaches us as it was sent (RFC 9112 section 3.2.2)."""
    answer = await exchange(
        address, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target
    )

    assert answer.endswith(PIXEL_GIF)
    assert [fetch.token for fetch in fetches] == ["t"]


@pytest.mark.parametrize("target", [b"ftp://x/o/t.gif", b"o/t.gif", b"*", b"http://x"])
async def test_target_in_no_form_of_a_pixel_is_not_found(
    target: bytes, address: str, fetches: Fetches
) -> None:
    """Whatever else stands in the place of a target names no pixel."""
    answer = await exchange(
        address, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target
    )

    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert fetches == []


async def test_escaped_token_is_the_same_token(address: str, fetches: Fetches) -> None:
    """Proxies that escape more than they must do not change the token."""
    answer = await exchange(
        address, b"GET /o/a%2Db%5Fc.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [fetch.token for fetch in fetches] == ["a-b_c"]


async def test_taken_port_is_one_clear_error(address: str) -> None:
    """The error names the address."""
    with pytest.raises(ListenError, match=address):
        listen_for_pixels(address)


async def test_connection_is_told_to_go_before_it_is_closed(fetches: Fetches) -> None:
    """While a successor takes over, the next answer says that it is the last one."""
    handler = PixelHandler(fetches.record, ClientAddresses())
    request = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n"
    sockets = listen_for_pixels("127.0.0.1:0")
    async with pixel_server(sockets=sockets, handler=handler, grace=GRACE) as server:
        host, port = address_of("127.0.0.1:0", sockets).split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        first = await reader.readuntil(PIXEL_GIF)
        leaving = asyncio.create_task(server.let_go(grace=dt.timedelta(minutes=1)))
        await asyncio.sleep(0)
        assert handler.is_leaving
        writer.write(request)
        last = await reader.read()
        writer.close()
        await leaving

    assert b"Connection: close" not in first
    assert b"Connection: close" in last
    assert last.endswith(PIXEL_GIF)
