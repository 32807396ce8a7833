"""What every answer of the page says to browsers, and which requests it takes from them."""

from collections.abc import Iterable, Iterator
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from service_runtime.listen import split_address

# Nothing but what the page itself serves, and no inline style or script: what a message holds
# cannot run, even if it were taken for markup.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": with that, browsers do not say where a form was sent from either.
    "Referrer-Policy": "same-origin",
    "Server": "emailopens",
    "X-Content-Type-Options": "nosniff",
}

# The page shows personal data, which no cache keeps.
_NO_STORE: Final = "no-store"

# The ports that browsers leave out of a host.
_HTTP: Final = 80
_HTTPS: Final = 443

_READING: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


async def say_what_is_allowed(_: web.Request, response: web.StreamResponse) -> None:
    """Set the header fields of every response, also of errors: a signal of the application."""
    response.headers.update(_HEADERS)
    response.headers.setdefault(hdrs.CACHE_CONTROL, _NO_STORE)


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what changes something unless a page of ours has sent it."""
    if request.method not in _READING and not _is_of_ours(request):
        raise web.HTTPForbidden(text="This form was not sent by this page.")
    return await handler(request)


def _is_of_ours(request: web.Request) -> bool:
    # Browsers leave the second out where they are spoken to in the clear.
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    # A proxy in front may have ended TLS.
    schemes = ("https",) if request.secure else ("https", "http")
    ours = {f"{scheme}://{request.host}" for scheme in schemes}
    return site == "same-origin" and request.headers.get(hdrs.ORIGIN) in ours


def only_hosts(hosts: Iterable[str]) -> Middleware:
    """Return a middleware that refuses requests for other hosts than *hosts*.

    For a page that only this machine reaches: a name that leads here for a moment would let
    anybody's page read it (DNS rebinding).
    """
    allowed = frozenset(hosts)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host.lower() not in allowed:
            raise web.HTTPMisdirectedRequest(text="This page is not at that address.")
        return await handler(request)

    return check


def hosts_of_loopback(listen: str, *, has_tls: bool) -> Iterator[str]:
    """Yield what browsers on this machine call what is served at *listen*."""
    host, port = split_address(listen)
    own = f"[{host}]" if ":" in host else host.lower()
    for name in {"127.0.0.1", "localhost", "[::1]", own}:
        yield f"{name}:{port}"
        if port == (_HTTPS if has_tls else _HTTP):
            yield name
