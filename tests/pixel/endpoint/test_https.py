"""The endpoint by TLS: the same answers, and no room for those who say nothing."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.image import PIXEL_GIF
from pixel_service.endpoint.limits import ConnectionLimits
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.endpoint.serving import pixel_server
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
    certificates: Certificates, *, head_seconds: float = 20
) -> AsyncIterator[tuple[str, int]]:
    """Serve pixels by TLS inside the block."""
    sockets = listen_for_pixels("127.0.0.1:0")
    host, port = address_of("127.0.0.1:0", sockets).split(":")
    async with pixel_server(
        sockets=sockets,
        handler=PixelHandler(take, ClientAddresses()),
        grace=dt.timedelta(seconds=1),
        limits=ConnectionLimits(head_seconds=head_seconds),
        tls=Certificate(certificates.plain, port="http").http_context(),
    ):
        yield host, int(port)


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
    async with served(certificates) as address:
        octets = await answered(address, certificates.context(), PLAIN, GENERAL, LAST)

    assert octets.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert octets.count(b"HTTP/1.1 405 ") == 1
    assert octets.count(PIXEL_GIF) == 2
    assert octets.endswith(PIXEL_GIF)


@pytest.mark.parametrize("begun", [b"", BEGUN])
async def test_connection_that_does_not_agree_on_keys_is_closed(
    certificates: Certificates, begun: bytes
) -> None:
    """As soon as a request's head would have had to be there."""
    async with served(certificates, head_seconds=0.3) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(begun)
        # Until it ends; aborted, if octets of it were not read.
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
