"""What is taken for a plain request is what the HTTP server would make of the same octets."""

import asyncio
import datetime as dt
import ipaddress
import re
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import HttpVersion11
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.endpoint.plain_request import PlainRequests
from pixel_service.endpoint.serving import pixel_server
from pixel_service.intake import PixelFetch
from service_runtime.listen import address_of

GRACE = dt.timedelta(seconds=1)

REQUESTS = PlainRequests(forwarded="x-forwarded-for", purposes=("sec-purpose", "x-moz"))

BROWSER = (
    b"Host: pixels.example.org\r\n"
    b"Connection: keep-alive\r\n"
    b'sec-ch-ua: "Chromium";v="140", "Not;A=Brand";v="24"\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    b"Sec-Purpose: prefetch\r\n"
    b"Accept: image/avif,image/webp,*/*;q=0.8\r\n"
    b"X-Forwarded-For:  203.0.113.9, 127.0.0.1 \r\n"
)

START = b"GET /o/t.gif HTTP/1.1\r\nHost: x\r\n"

PLAIN = {
    "a browser's": b"GET /o/to-ken_1.gif HTTP/1.1\r\n" + BROWSER + b"\r\n",
    "nothing but a host": START + b"\r\n",
    "an empty token": b"GET /o/.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "an empty value": START + b"User-Agent:\r\n\r\n",
    "names in any case": START + b"USER-agent: a\r\nX-MOZ: prefetch\r\n\r\n",
    "no space after the colon": START + b"User-Agent:a\r\n\r\n",
    "a colon in the value": START + b"User-Agent: a: b:\r\n\r\n",
    "spaces around the value": START + b"User-Agent:   a b  \r\n\r\n",
}

OTHER = {
    "two at once": START + b"\r\nGET /o/u.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "no fields": b"GET /o/t.gif HTTP/1.1\r\n\r\n",
    "HTTP/1.0": b"GET /o/t.gif HTTP/1.0\r\n\r\n",
    "HTTP/1.0 that asks to stay": b"GET /o/t.gif HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "a future version": b"GET /o/t.gif HTTP/9.9\r\n\r\n",
    "no version": b"GET /o/t.gif\r\n\r\n",
    "a query": b"GET /o/t.gif?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment": b"GET /o/t.gif#a HTTP/1.1\r\nHost: x\r\n\r\n",
    "an escape": b"GET /o/a%2Db.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "a folder": b"GET /o/a/b.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "another path": b"GET /x/t.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "a whole URL": b"GET http://x/o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the token": b"GET /o/a b.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "an empty line before it": b"\r\nGET /o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "bare line feeds": b"GET /o/t.gif HTTP/1.1\nHost: x\n\n",
    "a bare line feed": b"GET /o/t.gif HTTP/1.1\r\nHost: x\nUser-Agent: a\r\n\r\n",
    "a bare carriage return": b"GET /o/t.gif HTTP/1.1\r\nHost: x\rUser-Agent: a\r\n\r\n",
    "a zero": START + b"User-Agent: a\x00b\r\n\r\n",
    "a delete": START + b"User-Agent: a\x7fb\r\n\r\n",
    "a tab": START + b"User-Agent:\ta\tb\r\n\r\n",
    "UTF-8": "GET /o/t.gif HTTP/1.1\r\nHost: x\r\nUser-Agent: Grüße\r\n\r\n".encode(),
    "Latin-1": START + b"User-Agent: Gr\xfc\xdfe\r\n\r\n",
    "no colon": START + b"User-Agent\r\n\r\n",
    "no name": START + b": a\r\n\r\n",
    "a space before the colon": START + b"User-Agent : a\r\n\r\n",
    "a folded field": START + b"User-Agent: a\r\n b\r\n\r\n",
    "a name with a dot": START + b"X.Y: a\r\n\r\n",
    "a name with brackets": START + b"X(Y): a\r\n\r\n",
    "a field twice": START + b"X-Forwarded-For: a\r\nX-Forwarded-For: b\r\n\r\n",
    "two hosts": START + b"host: y\r\n\r\n",
    "close": START + b"Connection: close\r\n\r\n",
    "close among others": START + b"Connection: keep-alive, close\r\n\r\n",
    "no body": START + b"Content-Length: 0\r\n\r\n",
    "two lengths": START + b"Content-Length: 0\r\nContent-Length: 1\r\n\r\n",
    "a body": START + b"Content-Length: 4\r\n\r\n\r\n\r\n",
    "an empty chunked body": (START + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "both kinds of body": (
        START + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "an upgrade": (START + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    "an old web socket": START + b"Sec-WebSocket-Key1: a\r\n\r\n",
    "an expectation": START + b"Expect: 100-continue\r\n\r\n",
    "another method": b"HEAD /o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in lower case": b"get /o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "many fields": START
    + b""
    + b"".join(b"X-%d: a\r\n" % number for number in range(100))
    + b"\r\n",
    "too many fields": START
    + b""
    + b"".join(b"X-%d: a\r\n" % number for number in range(200))
    + b"\r\n",
    "a long token": b"GET /o/" + b"a" * 4_080 + b".gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "too long a token": b"GET /o/" + b"a" * 5_000 + b".gif HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long field": START + b"Cookie: " + b"a" * 9_000 + b"\r\n\r\n",
    "too long a field": START + b"Cookie: " + b"a" * 20_000 + b"\r\n\r\n",
}

# What a request may be changed by, to make one that nobody thought of.
PIECES = st.sampled_from(
    [
        *(bytes([octet]) for octet in b"\r\n \t:\0\x7f\xffa-_/?,;("),
        *(b"\r\n", b"%41", b"Host: y\r\n", b"Connection: close\r\n", b"HTTP/1.0", b"chunked"),
    ]
)


class Endpoint:
    """A running endpoint, and the fetches that it hands on."""

    def __init__(self, address: str, fetches: list[PixelFetch]) -> None:
        self._address = address
        self._fetches = fetches

    async def makes_of(self, request: bytes, *, is_general: bool) -> tuple[bytes, list[PixelFetch]]:
        """Return the head of the answer to *request*, and what was handed on, without times.

        *is_general* says that the HTTP server has the connection already.
        """
        host, port = self._address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            if is_general:
                writer.write(b"HEAD /o/t.gif HTTP/1.1\r\nHost: x\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
            self._fetches.clear()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()
            await writer.wait_closed()
        fetches = [each._replace(open_us=0) for each in self._fetches]
        return re.sub(rb"Date: [^\r]*\r\n", b"", head), fetches


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    fetches: list[PixelFetch] = []

    def take(fetch: PixelFetch, done: Callable[[], None]) -> None:
        fetches.append(fetch)
        done()

    trusted = (ipaddress.ip_network("127.0.0.0/8"),)
    handler = PixelHandler(take, ClientAddresses(trusted_proxies=trusted))
    sockets = listen_for_pixels("127.0.0.1:0")
    async with pixel_server(sockets=sockets, handler=handler, grace=GRACE):
        yield Endpoint(address_of("127.0.0.1:0", sockets), fetches)


@pytest.mark.parametrize("request_", PLAIN.values(), ids=PLAIN)
def test_usual_request_is_plain(request_: bytes) -> None:
    """What mail clients and their proxies send is recognised."""
    assert REQUESTS.read(request_) is not None


@pytest.mark.parametrize("request_", OTHER.values(), ids=OTHER)
def test_unusual_request_is_not_plain(request_: bytes) -> None:
    """What the standard has more to say of is left to the HTTP server."""
    assert REQUESTS.read(request_) is None


@pytest.mark.parametrize(
    "request_", [*PLAIN.values(), *OTHER.values()], ids=[*PLAIN.keys(), *OTHER.keys()]
)
async def test_first_request_of_a_connection_is_answered_as_any_other(
    request_: bytes, endpoint: Endpoint
) -> None:
    """Whoever has the connection, the answer is the same, and so is what is handed on."""
    first = await endpoint.makes_of(request_, is_general=False)
    later = await endpoint.makes_of(request_, is_general=True)

    assert first == later


@st.composite
def changed_requests(draw: st.DrawFn) -> bytes:
    """A plain request, with pieces put into it or cut out of it."""
    request = draw(st.sampled_from(list(PLAIN.values())))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(request)))
        cut = draw(st.integers(0, 3))
        request = request[:place] + draw(PIECES) + request[place + cut :]
    return request


@given(changed_requests())
def test_what_is_plain_is_one_whole_request_to_the_http_server(request: bytes) -> None:
    """Whatever is recognised, the HTTP server's own parser finds the same in it, and no more."""
    found = REQUESTS.read(request)
    if found is None:
        return
    token, fields = found
    ((message, body),), upgraded, rest = _parser().feed_data(request)

    assert (message.method, message.version, message.path) == (
        "GET",
        HttpVersion11,
        f"/o/{token}.gif",
    )
    assert (upgraded, rest, message.should_close, body.is_eof()) == (False, b"", False, True)
    assert fields.user_agent == message.headers.get("User-Agent")
    assert tuple(fields.forwarded) == tuple(message.headers.getall("X-Forwarded-For", ()))
    assert fields.purposes == {
        name: message.headers[name] for name in ("sec-purpose", "x-moz") if name in message.headers
    }


def _parser() -> HttpRequestParser:
    loop = asyncio.new_event_loop()
    loop.close()
    return HttpRequestParser(BaseProtocol(loop), loop, 2**16)
