"""A real browser, driven through the DevTools protocol over one WebSocket.

Of the protocol's hundreds of methods this needs ten, which is why there is no
driver package between (Playwright brings 45 MB and a Node of its own).
"""

import asyncio
import base64
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp

from service_runtime.background import running

# A page of mail loads in some 50 ms.  These only end what hangs, so they are far
# above what a busy machine takes.
LOAD_SECONDS: Final = 120
START_SECONDS: Final = 120

# A page at rest needs two.  More are for one that is still being drawn; one that
# moves for ever, as an endless animation does, is not waited for.
MOST_SHOTS: Final = 20

# Waits for what may come after loading has ended.  An image that is not complete
# by then is lazy, and may never be.  No animation frames, which a page without
# scripts never gets: a screenshot draws one of its own.
_READY: Final = """Promise.all([
  document.fonts.ready,
  ...Array.from(document.images)
    .filter((image) => image.complete)
    .map((image) => image.decode().catch(() => {})),
]).then(() => true)"""

# Headless, alone, quiet: no profile, no updates, no calls home; all names but
# this machine's own lead nowhere.  Root, as CI runs, has no sandbox.  One process
# for all messages: a new one for each, as between sites, takes twice the time.  No
# holding of paint, which leaves the last page on the screen until the next is drawn.
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-features=BackForwardCache,ProactivelySwapBrowsingInstance,IsolateSandboxedIframes,PaintHolding",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
_LISTENING: Final = b"DevTools listening on "


class ProtocolError(Exception):
    """The browser answered with an error."""


class Page:
    """One window."""

    def __init__(self, browser: "Chromium", session: str, *, width: int) -> None:
        self._browser = browser
        self._session = session
        self._width = width
        self._height = 0

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol in this window.

        Raises:
            ProtocolError: the browser refuses.
        """
        return await self._browser.call(method, session=self._session, **parameters)

    async def open(self, url: str, *, height: int) -> None:
        """Go to *url* in a window of *height* and wait for it.

        That is until its fonts and images are there, or the images have failed.

        Raises:
            TimeoutError: it does not load within `LOAD_SECONDS`.
        """
        await self._resize(height)
        async with asyncio.timeout(LOAD_SECONDS):
            answer = await self.call("Page.navigate", url=url)
            await self._browser.wait_for_load(self._session, answer["loaderId"])
        answer = await self.call("Runtime.evaluate", expression=_READY, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise ProtocolError(f"waiting for a page: {answer['exceptionDetails']['text']}")

    async def height(self) -> int:
        """Return the height of the document in CSS pixels."""
        metrics = await self.call("Page.getLayoutMetrics")
        return int(metrics["cssContentSize"]["height"])

    async def picture(self, *, height: int) -> bytes:
        """Return the top of the document at rest as PNG: the same pixels, the same octets.

        It is at rest when two screenshots in a row are the same; what still moves
        after `MOST_SHOTS` is returned as it was last.
        """
        # Not captureBeyondViewport, because that makes the window higher and lower
        # again for each screenshot, so that none is of a page at rest.
        await self._resize(height)
        last = b""
        for _ in range(MOST_SHOTS):
            shot = await self._screenshot()
            if shot == last:
                break
            last = shot
        return last

    async def _resize(self, height: int) -> None:
        if height == self._height:
            return
        self._height = height
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=self._width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def _screenshot(self) -> bytes:
        """Return what the window shows, of a frame that is drawn for this."""
        answer = await self.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
        return base64.b64decode(answer["data"])


class Chromium:
    """A running browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        # The page load that each window finished last, and the change of it.
        self._loaded: dict[str, str] = {}
        self._news = asyncio.Condition()

    async def call(
        self, method: str, *, session: str | None = None, **parameters: object
    ) -> dict[str, Any]:
        """Call a method of the protocol.

        Raises:
            ProtocolError: the browser refuses.
        """
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(message | ({"sessionId": session} if session else {}))
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                answer = await self._answers[number]
        finally:
            del self._answers[number]
        if "error" in answer:
            raise ProtocolError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def listen(self) -> None:
        """Take in what the browser says, until it ends."""
        async for frame in self._socket:
            message = frame.json()
            if "id" in message:
                waiting = self._answers.get(message["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            elif message["method"] == "Page.lifecycleEvent" and message["params"]["name"] == "load":
                async with self._news:
                    self._loaded[message["sessionId"]] = message["params"]["loaderId"]
                    self._news.notify_all()

    async def wait_for_load(self, session: str, loader: str) -> None:
        """Wait until the window has finished the page load called *loader*."""
        async with self._news:
            await self._news.wait_for(lambda: self._loaded.get(session) == loader)

    @contextlib.asynccontextmanager
    async def page(self, *, width: int) -> AsyncIterator[Page]:
        """Open a window of that width, and close it with the block.

        Not a tab: those in the background are not drawn.
        """
        target = (await self.call("Target.createTarget", url="about:blank", newWindow=True))[
            "targetId"
        ]
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, attached["sessionId"], width=width)
        await page.call("Page.enable")
        await page.call("Page.setLifecycleEventsEnabled", enabled=True)
        try:
            yield page
        finally:
            await self.call("Target.closeTarget", targetId=target)


@contextlib.asynccontextmanager
async def running_chromium() -> AsyncIterator[Chromium]:
    """Start a browser with a fresh profile, and end it with the block.

    Raises:
        FileNotFoundError: it is not installed.
        TimeoutError: it does not start within `START_SECONDS`.
    """
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("chromium is not installed: run `make test-browser`")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *_FLAGS,
            f"--user-data-dir={profile}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            url = await _address(process.stderr)
            async with (
                running(_drained(process.stderr)),
                aiohttp.ClientSession() as http,
                http.ws_connect(url, max_msg_size=0) as socket,
            ):
                browser = Chromium(socket)
                async with running(browser.listen()):
                    yield browser
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _address(errors: asyncio.StreamReader) -> str:
    async with asyncio.timeout(START_SECONDS):
        async for line in errors:
            if line.startswith(_LISTENING):
                return line.removeprefix(_LISTENING).decode().strip()
    raise FileNotFoundError("chromium ended before it listened")


async def _drained(errors: asyncio.StreamReader) -> None:
    """Read what the browser writes, so that it never waits for us."""
    async for _ in errors:
        pass
