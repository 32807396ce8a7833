"""The endpoint that mail clients fetch: `GET /o/<token>.gif`.

What is asked for a pixel gets the pixel, whatever else happens: a broken image in
somebody's message is worse than a lost open.

* `GET` is an open. Conditional and range requests are answered in full (RFC 9110
  sections 13.1 and 14.2 allow it), so that they count and cost like any other.
* `HEAD` gets the header fields and is no open.
* Other methods get 405, other paths 404, both empty.
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import structlog
from aiohttp import hdrs, web

from pixel_service.endpoint.client_address import ClientAddresses, ForwardedHeader
from pixel_service.endpoint.image import PIXEL_GIF
from pixel_service.endpoint.plain_request import PlainFields, PlainRequests
from pixel_service.endpoint.prepared_response import PreparedResponse
from pixel_service.evidence import PURPOSE_HEADERS
from pixel_service.intake import PixelFetch
from service_runtime.frames import frames_of
from service_runtime.times import now_us

_PREFIX: Final = "/o/"
_SUFFIX: Final = ".gif"

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

TakeFetch = Callable[[PixelFetch, Callable[[], None]], None]
"""Takes a fetch, and calls what is given beside it, once, when the pixel may be sent."""


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
            await self._recorded(self._fetch_of(request, token))
        request.protocol.is_answering = False  # type: ignore[attr-defined] # see `connections`
        if token is None:
            return NOT_FOUND.answer(request)
        if method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return METHOD_NOT_ALLOWED.answer(request)
        return PIXEL.answer(request, is_last=self.is_leaving)

    def take_plain(
        self, token: str, fields: PlainFields, peer: str | None, done: Callable[[], None]
    ) -> None:
        """Take what a plain request says; call *done*, once, when the pixel may be sent."""
        address = self._addresses.find(peer, fields.forwarded)
        fetch = PixelFetch(token, address, fields.user_agent, fields.purposes, now_us())
        self._record_always(fetch, done)

    def plain_requests(self) -> PlainRequests:
        """Return what reads of plain requests what is asked of them here."""
        return PlainRequests(forwarded=self._addresses.header, purposes=self._header_names)

    async def _recorded(self, fetch: PixelFetch) -> None:
        recorded = asyncio.get_running_loop().create_future()
        self._record_always(fetch, functools.partial(_finish, recorded))
        await recorded

    def _record_always(self, fetch: PixelFetch, done: Callable[[], None]) -> None:
        try:
            self._take(fetch, done)
        except Exception as error:  # noqa: BLE001 - the pixel is served whatever happens
            # Where it was raised, not its text, which may hold what was fetched.
            logger.error("fetch not recorded", frames=frames_of(error))  # noqa: TRY400 - see above
            done()

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


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():  # cancelled at the end of the service
        future.set_result(None)


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
