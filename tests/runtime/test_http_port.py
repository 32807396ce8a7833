"""What a port for few says, and logs, of what goes wrong."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from service_runtime.http_port import ConnectionLimits, serving_http
from service_runtime.listen import split_address

SECRET = "person@example.com"  # noqa: S105 - what somebody asks for, and nobody else is to read

ENDED = web.AppKey("ended", asyncio.Event)


@contextlib.asynccontextmanager
async def a_port(ended: asyncio.Event) -> AsyncIterator[str]:
    """Serve an application that fails, and what ends with its reader; yields its address."""
    application = web.Application()

    async def fail(request: web.Request) -> web.Response:
        raise ValueError(request.query_string)

    async def go_on(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 10_000)
                await asyncio.sleep(0)
        finally:
            request.app[ENDED].set()

    application[ENDED] = ended
    application.router.add_get("/", fail)
    application.router.add_get("/endless", go_on)
    async with serving_http(
        application,
        "127.0.0.1:0",
        None,
        limits=ConnectionLimits(in_all=10, of_network=10),
        reuse_port=False,
        idle=dt.timedelta(seconds=60),
    ) as address:
        yield address


async def said_to(request: bytes) -> tuple[bytes, bytes, list[str]]:
    """Return head and body of what *request* is answered with, and the words that are logged."""
    with capture_logs() as logged:
        async with a_port(asyncio.Event()) as address:
            reader, writer = await asyncio.open_connection(*split_address(address))
            writer.write(request)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body, [str(each) for each in logged]


@pytest.mark.parametrize(
    "request_octets",
    [
        b"<script>alert(1)</script>\r\n\r\n",
        b"GET /<script> HTTP/1.1\r\nHost: a\r\nHost: <script>\r\n\r\n",
        b"GET /?" + b"<script>" * 2_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"<script>" * 2_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_not_repeated(request_octets: bytes) -> None:
    """No application sees it; the answer lets nothing run, and nobody fills the log with it."""
    head, body, logged = await said_to(request_octets)

    assert head.startswith(b"HTTP/1.0 400 ")
    assert b"Content-Security-Policy: default-src 'none'" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert b"Python" not in head
    assert body == b"Bad Request"
    assert not logged


async def test_fault_is_logged_without_what_was_asked() -> None:
    """Where it happened is enough to mend it; the text of an error may be somebody's address."""
    request = f"GET /?{SECRET} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    head, body, logged = await said_to(request.encode())

    assert head.startswith(b"HTTP/1.1 500 ")
    assert SECRET.encode() not in body
    assert "ValueError" in logged[0]
    assert "test_http_port.py" in logged[0]
    assert SECRET not in "".join(logged)


async def test_download_that_is_broken_off_is_no_fault() -> None:
    """Whoever has read enough leaves, and nobody fills the log with it."""
    ended = asyncio.Event()
    with capture_logs() as logged:
        async with a_port(ended) as address:
            reader, writer = await asyncio.open_connection(*split_address(address))
            writer.write(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readexactly(1_000)
            writer.close()
            await writer.wait_closed()
            await ended.wait()

    assert not logged
