"""Serves letters to the browser, and pixels as the pixel service does, counting them."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from tests.browser.letters import Letter

# The smallest image: GIF89a, one transparent pixel.
_GIF = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b"
)


class LetterServer:
    """Where letters and pixels are, and how often each pixel was fetched."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fetches: Counter[str] = Counter()
        self.pages: dict[str, str] = {}

    def show(self, numbered: Mapping[int, Letter]) -> None:
        """Serve these letters."""
        for number, letter in numbered.items():
            self.pages[f"/{number}/before"] = letter.before
            self.pages[f"/{number}/after"] = letter.after

    async def page(self, request: web.Request) -> web.Response:
        """Answer with a letter."""
        # As in a mail client: no scripts, no frames, no refresh, and the only
        # network is the pixel.
        policy = f"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {self.url}/o/"
        return web.Response(
            text=self.pages[request.path],
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
        )

    async def pixel(self, request: web.Request) -> web.Response:
        """Answer with a pixel."""
        self.fetches[request.match_info["token"]] += 1
        return web.Response(
            body=_GIF, content_type="image/gif", headers={"Cache-Control": "no-store"}
        )


@contextlib.asynccontextmanager
async def letter_server() -> AsyncIterator[LetterServer]:
    """Serve at a free port of this machine inside the block."""
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)
    server = LetterServer("")
    app.router.add_get("/{number}/before", server.page)
    app.router.add_get("/{number}/after", server.page)
    app.router.add_get("/o/{token}.gif", server.pixel)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()
