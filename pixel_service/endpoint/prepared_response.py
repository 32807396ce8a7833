"""HTTP responses whose octets are put together beforehand."""

import asyncio
import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

# What a connection may leave unread before it is cut: a hundred answers and more.
# Nobody who fetches images asks that far ahead.
_MAX_UNREAD_OCTETS: Final = 64 * 1024

_Kind = tuple[bool, bool]
"""Whether the connection is kept afterwards; and whether the request was HEAD."""


class PreparedResponse:
    """A response that is the same for everybody but for the time.

    aiohttp takes longer to put together a small response than to serve it.
    """

    def __init__(self, status: HTTPStatus, headers: Mapping[str, str], body: bytes = b"") -> None:
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"{hdrs.CONTENT_LENGTH}: {len(body)}", f"{hdrs.DATE}: "]
        self._start = "\r\n".join(lines).encode()
        self._body = body
        self._second = -1
        self._ready: dict[_Kind, _ReadyResponse] = {}

    def answer(self, request: web.BaseRequest, *, is_last: bool = False) -> web.StreamResponse:
        """Return the response to *request*; to HEAD without its body.

        *is_last* says that the connection is closed afterwards, and tells the client so.
        """
        # RFC 9112 section 9.3: HTTP/1.1 keeps a connection unasked; older clients
        # that ask for it are answered and let go.
        stays = request.keep_alive and request.version >= HttpVersion11 and not is_last
        return self._at_present((stays, request.method == hdrs.METH_HEAD))

    def octets(self, *, stays: bool) -> bytes:
        """Return the response to a request that is not HEAD.

        *stays* says whether the connection is kept afterwards.
        """
        return self._at_present((stays, False)).octets

    def _at_present(self, kind: _Kind) -> "_ReadyResponse":
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._ready.clear()
        ready = self._ready.get(kind)
        if ready is None:
            stays, is_head = kind
            octets = self._octets(second, keep_alive=stays, is_head=is_head)
            ready = self._ready[kind] = _ReadyResponse(octets, keep_alive=stays)
        return ready

    def _octets(self, second: int, *, keep_alive: bool, is_head: bool) -> bytes:
        date = formatdate(second, usegmt=True).encode()
        connection = b"" if keep_alive else b"Connection: close\r\n"
        head = self._start + date + b"\r\n" + connection + b"\r\n"
        return head if is_head else head + self._body


def deliver(transport: asyncio.WriteTransport, octets: bytes) -> None:
    """Write *octets*; cut a connection that leaves too much unread."""
    if transport.get_write_buffer_size() > _MAX_UNREAD_OCTETS:
        transport.abort()
    else:
        transport.write(octets)


class _ReadyResponse(web.StreamResponse):
    """Octets to be written as they are, to any number of clients."""

    # Not the parent's constructor, because its work is what is saved.
    def __init__(self, octets: bytes, *, keep_alive: bool) -> None:
        self.octets = octets
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        if transport is not None:  # else the client left while its open was recorded
            deliver(transport, self.octets)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: everything is written."""
