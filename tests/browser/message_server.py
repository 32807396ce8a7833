"""Serves messages to the browser, beside the pixel service's own endpoint, and counts fetches."""

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from aiohttp import web

from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.endpoint.handler import PixelHandler
from pixel_service.endpoint.listening import listen_for_pixels
from pixel_service.endpoint.serving import pixel_server
from pixel_service.intake import PixelFetch
from service_runtime.listen import address_of
from tests.browser.shown_messages import ShownMessage


class FetchCounter:
    """Stands where the recorder is: what it is given are opens."""

    def __init__(self) -> None:
        self.fetches: Counter[str] = Counter()

    def record(self, fetch: PixelFetch, done: Callable[[], None]) -> None:
        """Count *fetch* by its token."""
        self.fetches[fetch.token] += 1
        done()


@contextlib.asynccontextmanager
async def pixel_endpoint(counter: FetchCounter) -> AsyncIterator[str]:
    """Serve pixels as the pixel service does inside the block; yields the base URL."""
    handler = PixelHandler(counter.record, ClientAddresses())
    grace = dt.timedelta(seconds=1)
    sockets = listen_for_pixels("127.0.0.1:0")
    async with pixel_server(sockets=sockets, handler=handler, grace=grace):
        yield f"http://{address_of('127.0.0.1:0', sockets)}"


@contextlib.asynccontextmanager
async def message_server(messages: Sequence[ShownMessage], *, pixels: str) -> AsyncIterator[str]:
    """Serve each message at ``/N/before`` and ``/N/after`` inside the block; yields the base URL.

    As in a mail client there are no scripts, no frames and no refresh, and the
    only network is the pixels below *pixels*.
    """
    policy = f"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {pixels}/o/"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}

    async def show(request: web.Request) -> web.Response:
        message = messages[int(request.match_info["number"])]
        text = message.before if request.match_info["state"] == "before" else message.after
        return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)

    app = web.Application()
    app.router.add_get("/{number}/{state}", show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
