"""What a real browser makes of opens that come while somebody looks."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from pixel_service.open_log import OpenLog
from pixel_service.page.application import new_application
from pixel_service.page.routes_now import add_now
from pixel_service.page.views.now_pages import LIVE
from pixel_service.page.visit import Visit
from pixel_service.page.visitors import Everybody
from tests.browser.looks import MODES, a_browser, a_viewer
from tests.pixel.open_log.log_values import an_open_of
from tests.pixel.service_values import a_log, streaming

pytestmark = pytest.mark.timeout(120)

# Of a browser that shares a machine with everything else.
expect.set_options(timeout=60_000)

# After which the page tries again.
SILENT_MS = 15_000

# What a browser says of a tab that nobody sees; a headless one sees all of its own.
SEE = """(state) => {
  Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@contextlib.asynccontextmanager
async def looking_at_now(folder: Path) -> AsyncIterator[tuple[OpenLog, Page]]:
    """Open *Now* in a browser; yields the log that it shows, and the page."""
    async with (
        a_log(folder) as log,
        streaming(log) as service,
        grpc.aio.insecure_channel(service.address) as channel,
        a_browser() as browser,
    ):
        application = new_application(Everybody(visit=Visit(channel=channel)), hosts=None)
        add_now(application)
        async with TestServer(application) as server, a_viewer(browser, MODES[0]) as viewer:
            async with viewer.page.expect_request(f"**{LIVE}"):
                await viewer.page.goto(str(server.make_url("/")))
            yield log, viewer.page
            assert await viewer.page.evaluate("[...window.broken]") == []


async def test_updates_wait_while_nobody_wants_or_sees_them(tmp_path: Path) -> None:
    """A hidden tab holds no connection, and a paused one none either; both catch up."""
    async with looking_at_now(tmp_path) as (log, page):
        rows, pause = page.locator("#latest tr"), page.locator("#pause")
        async with page.expect_event("requestfailed"):
            await page.evaluate(SEE, "hidden")
        await log.append([an_open_of("a")])
        async with page.expect_request(f"**{LIVE}"):
            await page.evaluate(SEE, "visible")
        await expect(rows).to_have_count(1)

        async with page.expect_event("requestfailed"):
            await pause.click()
        await log.append([an_open_of("b")])
        await expect(pause).to_have_attribute("aria-pressed", "true")
        await expect(rows).to_have_count(1)
        async with page.expect_request(f"**{LIVE}"):
            await pause.click()
        await expect(rows).to_have_count(2)


async def test_page_comes_back_by_itself_after_a_proxy_has_said_no(tmp_path: Path) -> None:
    """It says meanwhile that nothing comes, and shows what was opened, without being reloaded."""
    async with looking_at_now(tmp_path) as (log, page):
        silence, pause = page.locator("#silence"), page.locator("#pause")
        await page.clock.install()
        await page.route(f"**{LIVE}", lambda route: route.fulfill(status=502))
        await pause.click()
        async with page.expect_response(f"**{LIVE}"):
            await pause.click()
        await log.append([an_open_of("a")])
        async with page.expect_response(f"**{LIVE}"):
            await page.clock.fast_forward(SILENT_MS)
        await expect(silence).to_contain_text("Nothing comes from the service")

        await page.unroute(f"**{LIVE}")
        await page.clock.fast_forward(SILENT_MS)
        await expect(page.locator("#latest tr")).to_have_count(1)
        await expect(silence).to_be_empty()
