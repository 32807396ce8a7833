"""The page as a web application: its routes, and the document around what each shows."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

import grpc
import htpy as h
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from pixel_service.page.answers import see
from pixel_service.page.assets import serve_file
from pixel_service.page.failures import failure_of
from pixel_service.page.headers import only_hosts, same_origin, say_what_is_allowed
from pixel_service.page.layout import document
from pixel_service.page.views.trial import MAX_MESSAGE_OCTETS
from pixel_service.page.visit import Visit
from pixel_service.page.visitors import LOGIN, Visitors

# A message to test, and the other fields of its form.
_MAX_BODY_OCTETS: Final = MAX_MESSAGE_OCTETS + 100_000

# Other forms have a few lines, and anybody may send that of the login.
_MAX_FORM_OCTETS: Final = 100_000
_FORM_PATIENCE: Final = dt.timedelta(seconds=30)

# That of the pages, in which browsers send their forms. Others take long to decode, and anybody
# may send a form, or have characters that cannot be passed on.
_FORM_CHARSET: Final = "utf-8"
_UNREADABLE: Final = "The form cannot be read."

# For each part of a file: whoever takes nothing for so long has gone, or never wanted it.
_FILE_PATIENCE: Final = dt.timedelta(minutes=1)

View = Callable[[Visit, web.Request], Awaitable[h.Node]]
"""Returns what a page shows."""


class MenuEntry(NamedTuple):
    """A page that every page leads to."""

    path: str
    name: str
    needs: str | None
    """The method of the pixel service without which it shows nothing; None: it always does."""


MENU: Final[web.AppKey[list[MenuEntry]]] = web.AppKey("menu", list)
VISITORS: Final = web.AppKey("visitors", Visitors)


def new_application(visitors: Visitors, *, hosts: Iterable[str] | None) -> web.Application:
    """Return an application without pages.

    Args:
        visitors: who looks.
        hosts: the hosts that requests may be for; None: any.
    """
    middlewares: list[Middleware] = [_with_document, same_origin]
    if hosts is not None:
        middlewares.insert(1, only_hosts(hosts))
    application = web.Application(middlewares=middlewares, client_max_size=_MAX_BODY_OCTETS)
    application[MENU] = []
    application[VISITORS] = visitors
    application.on_response_prepare.append(say_what_is_allowed)
    application.router.add_get("/static/{name}", serve_file)
    return application


def add_page(application: web.Application, path: str, title: str, view: View) -> None:
    """Add a page that is looked at."""
    application.router.add_get(path, _page(title, view))


def add_form(application: web.Application, path: str, title: str, view: View) -> None:
    """Add what answers a form with a page."""
    application.router.add_post(path, _page(title, view))


def add_menu(
    application: web.Application, path: str, name: str, *, needs: str | None = None
) -> None:
    """Add a page to those that every page leads to, for whoever may call what it *needs*."""
    application[MENU].append(MenuEntry(path, name, needs))


def _page(title: str, view: View) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        visit = request.app[VISITORS].visit_of(request)
        return shown(request, title, await view(visit, request))

    return handle


def shown(
    request: web.Request, title: str, *main: h.Node, status: int = HTTPStatus.OK
) -> web.Response:
    """Return a document that shows *main*."""
    menu = list(_menu_of(request))
    account = request.app[VISITORS].account_of(request)
    text = document(title, main, menu=menu, path=request.path, account=account)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def _menu_of(request: web.Request) -> Iterator[tuple[str, str]]:
    """Yield the pages that whoever looks may look at; none before they have logged in."""
    try:
        visit = request.app[VISITORS].visit_of(request)
    except web.HTTPException:
        return
    for entry in request.app[MENU]:
        if entry.needs is None or visit.may(entry.needs):
            yield entry.path, entry.name


@web.middleware
async def _with_document(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show what is refused as a page, too."""
    try:
        return await handler(request)
    except grpc.aio.AioRpcError as error:
        status, title, main = failure_of(error)
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            # The key was revoked, or has expired.
            response = see(LOGIN)
            request.app[VISITORS].refuse(request, response)
            return response
        return shown(request, title, main, status=status)
    except TimeoutError:
        title = "The service takes too long; try again in a moment"
        return shown(request, title, h.h1[title], status=HTTPStatus.GATEWAY_TIMEOUT)
    except web.HTTPError as error:
        main = [h.h1[error.reason], error.text and h.p[error.text]]
        return shown(request, error.reason, main, status=error.status)


async def form_of(
    request: web.Request, *, patience: dt.timedelta = _FORM_PATIENCE
) -> Mapping[str, str]:
    """Return the text fields of a form that was sent; none if this is no form.

    Raises:
        web.HTTPException: it is too large, too slow, or not in the encoding that it says.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    if (request.charset or _FORM_CHARSET).lower() != _FORM_CHARSET:
        raise web.HTTPBadRequest(text=_UNREADABLE)
    try:
        async with asyncio.timeout(patience.total_seconds()):
            fields = await request.clone(client_max_size=_MAX_FORM_OCTETS).post()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The form did not arrive in time.") from None
    except UnicodeError:
        raise web.HTTPBadRequest(text=_UNREADABLE) from None
    return {name: value for name, value in fields.items() if isinstance(value, str)}


@contextlib.asynccontextmanager
async def closing(parts: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """End *parts* with the block, however far they were read."""
    try:
        yield parts
    finally:
        aclose = getattr(parts, "aclose", None)
        if aclose is not None:
            await aclose()


async def stream_file(
    request: web.Request,
    parts: AsyncIterator[bytes],
    *,
    name: str,
    content_type: str,
    patience: dt.timedelta = _FILE_PATIENCE,
) -> web.StreamResponse:
    """Answer with a file that is made while it is sent.

    What fails before the first part is a page that says so; what fails later breaks the
    connection off, so that nobody takes what came for all.  So does a reader who takes
    nothing for *patience*.
    """
    async with closing(parts):
        first = await anext(parts, b"")
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: content_type,
                hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"',
            }
        )
        await response.prepare(request)
        try:
            await _write(response, first, patience)
            async for part in parts:
                await _write(response, part, patience)
            await response.write_eof()
        except (grpc.aio.AioRpcError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
    return response


async def _write(response: web.StreamResponse, part: bytes, patience: dt.timedelta) -> None:
    async with asyncio.timeout(patience.total_seconds()):
        await response.write(part)
