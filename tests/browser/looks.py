"""Looks at documents of the page: what breaks its policy, what axe finds, what is too wide."""

import contextlib
import dataclasses
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

ROOT: Final = Path(__file__).parents[2]

PICTURES: Final = ROOT / "build/page"

# Only ends what hangs: pages load in tenths of a second, on a busy machine in many.
PATIENCE_MS: Final = 120_000

_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Before everything that a document has: it sees what comes later.
_WATCHING: Final = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.broken.push(`${event.violatedDirective} ${event.blockedURI}`));
window.addEventListener("error", (event) => window.broken.push(String(event.message)));
"""

_SEEING: Final = """() => ({
  text: document.body.innerText,
  broken: [...window.broken],
  hasRun: "hasRun" in window,
  overflow: document.documentElement.scrollWidth - window.innerWidth,
})"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How somebody looks."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]
    is_phone: bool = False


MODES: Final = (
    Mode(name="light", width=1_280, height=900, scheme="light"),
    Mode(name="dark", width=1_280, height=900, scheme="dark"),
    Mode(name="phone", width=390, height=844, scheme="light", is_phone=True),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What there was to see of a document."""

    name: str
    mode: str
    text: str
    broken: list[str]
    """What the policy has kept from happening, and what has failed."""
    has_run: bool
    """Whether something of a message was run."""
    overflow: int
    """By how many pixels the document is wider than the window."""
    inaccessible: list[str]
    """What axe finds."""


class Viewer:
    """Looks at one document after the other in a window."""

    def __init__(self, page: Page, mode: Mode) -> None:
        self.page = page
        self.mode = mode
        self.looks: list[Look] = []

    async def open(self, url: str, name: str) -> None:
        """Go to *url*, and look at it."""
        await self.page.goto(url)
        await self.look(name)

    async def send(self, name: str, form: str, **fields: str) -> None:
        """Fill the form that the selector *form* finds, send it, and look at what comes."""
        for field, value in fields.items():
            control = self.page.locator(f"{form} [name={field}]")
            is_choice = await control.evaluate("(each) => each.tagName === 'SELECT'")
            await (control.select_option(value) if is_choice else control.fill(value))
        async with self.page.expect_navigation():
            await self.page.locator(f"{form} button[type=submit]").first.click()
        await self.look(name)

    async def look(self, name: str) -> None:
        """Look at the document that is shown."""
        # Before axe, which might break the policy by itself.
        seen = await self.page.evaluate(_SEEING)
        found = await Axe().run(
            self.page, options={"runOnly": _RULES, "resultTypes": ["violations"]}
        )
        await self.page.screenshot(path=PICTURES / f"{name}-{self.mode.name}.png", full_page=True)
        self.looks.append(
            Look(
                name=name,
                mode=self.mode.name,
                text=seen["text"],
                broken=seen["broken"],
                has_run=seen["hasRun"],
                overflow=seen["overflow"],
                inaccessible=[_in_a_line(each) for each in found.response["violations"]],
            )
        )


def _in_a_line(violation: dict[str, Any]) -> str:
    nodes = "; ".join(node["html"][:200] for node in violation["nodes"][:3])
    return f"{violation['id']} ({len(violation['nodes'])}): {nodes}"


@contextlib.asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Run Debian's Chromium inside the block.

    Raises:
        FileNotFoundError: it is not installed.
    """
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("chromium is not installed: run `make test-browser`")
    async with async_playwright() as playwright:
        # Root, as CI runs, has no sandbox.
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def a_viewer(browser: Browser, mode: Mode) -> AsyncIterator[Viewer]:
    """Open a window for somebody in Berlin who looks as *mode* says."""
    async with await browser.new_context(
        viewport={"width": mode.width, "height": mode.height},
        color_scheme=mode.scheme,
        timezone_id="Europe/Berlin",
        locale="en-GB",
        is_mobile=mode.is_phone,
        has_touch=mode.is_phone,
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(_WATCHING)
        yield Viewer(await context.new_page(), mode)
