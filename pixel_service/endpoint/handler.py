"""The endpoint that mail clients fetch: `GET /o/<token>.gif`.

What is asked for a pixel gets the pixel, whatever else happens: a broken image in
somebody's message is worse than a lost open.

* `GET` is an open. Conditional and range requests are answered in full (RFC 9110
  sections 13.1 and 14.2 allow it), so that they count and cost like any other.
* `HEAD` gets the header fields and is no open.
* Other methods get 405, other paths 404, both empty.
"""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import structlog
from aiohttp import hdrs, web

from pixel_service.endpoint.client_address import ClientAddresses, ForwardedHeader
from pixel_service.endpoint.connections import Connections
from pixel_service.endpoint.image import PIXEL_GIF
from pixel_service.endpoint.limits import ConnectionLimits
from pixel_service.endpoint.listening import BACKLOG
from pixel_service.endpoint.prepared_response import PreparedResponse
from pixel_service.evidence import PURPOSE_HEADERS
from pixel_service.intake import PixelFetch
from service_runtime.background import kept_running
from service_runtime.frames import frames_of
from service_runtime.listen import ignore_new_connections
from service_runtime.times import now_us

_PREFIX: Final = "/o/"
_SUFFIX: Final = ".gif"

# A token has at most 1,950 characters; the rest is for a path that a proxy in
# front may put before ours, and for queries that scanners add.
_MAX_URL_CHARACTERS: Final = 4_096

# Twice what Apache takes; proxies add fields of their own.
_MAX_FIELD_OCTETS: Final = 16_384

# Proxies in front keep their connections between bursts; nginx does so for 60 s,
# and whoever closes first should be the proxy.
_KEEPALIVE: Final = dt.timedelta(seconds=75)

# How often connections that are to go are looked at.
_LEAVING_LOOK: Final = dt.timedelta(milliseconds=20)

# What a client needs to complete a connection that it has begun, from the other side of an
# ocean.
_HANDSHAKE: Final = dt.timedelta(milliseconds=300)

_DEFAULT_LIMITS: Final = ConnectionLimits()

PIXEL: Final = PreparedResponse(
    HTTPStatus.OK,
    {
        hdrs.CONTENT_TYPE: "image/gif",
        # As far as HTTP can: Gmail's proxy honours no-cache and max-age since 2014.
        hdrs.CACHE_CONTROL: "private, no-store, no-cache, must-revalidate, max-age=0",
        hdrs.PRAGMA: "no-cache",  # HTTP/1.0 caches know nothing else (RFC 9111 section 5.4)
        hdrs.EXPIRES: "0",  # invalid, so already expired (RFC 9111 section 5.3)
        hdrs.ACCEPT_RANGES: "none",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
        # Webmail that isolates itself (COEP) shows no image without it.
        "Cross-Origin-Resource-Policy": "cross-origin",
    },
    PIXEL_GIF,
)
NOT_FOUND: Final = PreparedResponse(HTTPStatus.NOT_FOUND, {hdrs.CACHE_CONTROL: "no-store"})
METHOD_NOT_ALLOWED: Final = PreparedResponse(
    HTTPStatus.METHOD_NOT_ALLOWED, {hdrs.ALLOW: "GET, HEAD", hdrs.CACHE_CONTROL: "no-store"}
)

logger = structlog.get_logger()

TakeFetch = Callable[[PixelFetch], Awaitable[object]]


class PixelHandler:
    """Answers requests of mail clients."""

    def __init__(
        self,
        take: TakeFetch,
        addresses: ClientAddresses,
        *,
        header_names: Sequence[str] = PURPOSE_HEADERS,
    ) -> None:
        """Answer with the pixel, and hand fetches to *take*.

        *header_names* are the header fields, in lower case, that the rules of
        evidence ask for.
        """
        self._take = take
        self._addresses = addresses
        self._header_names = header_names
        self.is_proxy = addresses.is_proxy
        self.is_leaving = False
        """Whether connections are to be closed after their next answer."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*, and record it first if it is an open."""
        token = find_token(request.raw_path)
        method = request.method
        if token is not None and method == hdrs.METH_GET:
            await self._record_always(self._fetch_of(request, token))
        request.protocol.is_answering = False  # type: ignore[attr-defined] # see `connections`
        if token is None:
            return NOT_FOUND.answer(request)
        if method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return METHOD_NOT_ALLOWED.answer(request)
        return PIXEL.answer(request, is_last=self.is_leaving)

    async def _record_always(self, fetch: PixelFetch) -> None:
        try:
            await self._take(fetch)
        except Exception as error:  # noqa: BLE001 - the pixel is served whatever happens
            # Where it was raised, not its text, which may hold what was fetched.
            logger.error("fetch not recorded", frames=frames_of(error))  # noqa: TRY400 - see above

    def _fetch_of(self, request: web.BaseRequest, token: str) -> PixelFetch:
        headers = request.headers
        return PixelFetch(
            token=token,
            ip_address=self._addresses.find(request.remote, self._forwarded_of(request)),
            user_agent=headers.get(hdrs.USER_AGENT),
            purposes={name: headers[name] for name in self._header_names if name in headers},
            open_us=now_us(),
        )

    def _forwarded_of(self, request: web.BaseRequest) -> Sequence[str]:
        header = self._addresses.header
        if header is ForwardedHeader.FORWARDED:
            return [element.get("for", "") for element in request.forwarded]
        return request.headers.getall(header, ())


def find_token(path: str) -> str | None:
    """Return what stands in the place of the token in *path*; None if there is no place."""
    path = path.partition("?")[0]
    if not path.startswith("/"):
        path = _path_of_absolute(path)
    if not path.startswith(_PREFIX) or not path.endswith(_SUFFIX):
        return None
    token = path[len(_PREFIX) : -len(_SUFFIX)]
    if "/" in token:
        return None
    # Some proxies escape what needs no escaping (RFC 3986 section 2.3).
    return unquote(token) if "%" in token else token


def _path_of_absolute(target: str) -> str:
    """Return the path of a target in absolute form, which proxies send (RFC 9112 section 3.2.2)."""
    scheme, _, rest = target.partition("://")
    _, slash, path = rest.partition("/")
    return slash + path if scheme.lower() in ("http", "https") else ""


@contextlib.asynccontextmanager
async def pixel_server(
    *,
    sockets: Sequence[socket.socket],
    handler: PixelHandler,
    grace: dt.timedelta,
    limits: ConnectionLimits = _DEFAULT_LIMITS,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Connections]:
    """Serve pixels at *sockets* inside the block, by TLS if there is a context for it.

    At the end no new request is taken, and running ones have *grace* to end.
    """
    # The low-level server, because an application's routing costs a third of the
    # rate, and there is one route.  No access log: it would hold addresses and
    # tokens, and costs two thirds.
    server = Connections(
        handler.handle,
        limits=limits,
        is_proxy=handler.is_proxy,
        access_log=None,
        # A body interests nobody; one of 1 MB that unpacks to 1 GB would keep others waiting.
        auto_decompress=False,
        max_line_size=_MAX_URL_CHARACTERS,
        max_field_size=_MAX_FIELD_OCTETS,
        keepalive_timeout=_KEEPALIVE.total_seconds(),
        lingering_time=1.0,
    )
    runner = web.ServerRunner(server, shutdown_timeout=grace.total_seconds())
    await runner.setup()
    sites = [web.SockSite(runner, each, ssl_context=tls, backlog=BACKLOG) for each in sockets]
    for site in sites:
        await site.start()
    try:
        async with kept_running("connections", server.look_after):
            yield server
    finally:
        await runner.cleanup()


async def let_go(server: web.Server, handler: PixelHandler, *, grace: dt.timedelta) -> None:
    """Wait until every connection has been told to go, and has gone; at most *grace*.

    For when a successor takes new connections: a client whose connection is closed after
    an answer that said so loses nothing.
    """
    handler.is_leaving = True
    for _ in range(grace // _LEAVING_LOOK):
        if not server.connections:
            return
        await asyncio.sleep(_LEAVING_LOOK.total_seconds())


async def hand_over(
    server: web.Server,
    handler: PixelHandler,
    *,
    sockets: Sequence[socket.socket],
    grace: dt.timedelta,
) -> None:
    """Leave new connections to another process that listens at the address; then `let_go`."""
    ignore_new_connections(sockets)
    await asyncio.sleep(min(_HANDSHAKE, grace).total_seconds())
    await let_go(server, handler, grace=grace)
