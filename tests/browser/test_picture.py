"""When a page is photographed: not before it is drawn."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.browser.chromium import Page, running_chromium
from tests.browser.message_server import message_server
from tests.browser.shown_messages import ShownMessage

pytestmark = pytest.mark.timeout(600)

WIDTH: Final = 800
HEIGHT: Final = 300

# Each frame is another picture, and none is that of the page at rest, which is wider.
_MOVING: Final = """<!DOCTYPE html>
<style>
@keyframes grow {{ from {{ width: 0 }} to {{ width: 600px }} }}
p {{ width: 700px; height: 200px; background: teal; animation: grow 250ms linear {times} }}
</style>
<p>"""
COMES_TO_REST: Final = _MOVING.format(times=1)
NEVER_RESTS: Final = _MOVING.format(times="infinite")
RESTING: Final = _MOVING.format(times=0)


@contextlib.asynccontextmanager
async def shown(*, before: str, after: str) -> AsyncIterator[tuple[Page, str]]:
    """Yield a window and the URL of a message with these two texts."""
    message = ShownMessage(name="moving", token="", before=before, after=after)
    async with (
        message_server([message], pixels="http://127.0.0.1") as url,
        running_chromium() as browser,
        browser.page(width=WIDTH) as page,
    ):
        yield page, f"{url}/0"


async def picture(page: Page, url: str) -> bytes:
    """Open *url* and photograph it."""
    await page.open(url, height=HEIGHT)
    return await page.picture(height=HEIGHT)


async def test_picture_is_of_the_page_at_rest() -> None:
    """A page that still changes after it was loaded is photographed when it no longer does."""
    async with shown(before=RESTING, after=COMES_TO_REST) as (page, url):
        at_rest = await picture(page, f"{url}/before")
        moved = await picture(page, f"{url}/after")

    assert at_rest == moved


async def test_page_that_never_rests_is_not_waited_for() -> None:
    """A page that moves for ever has a picture, too, and it is not that of one at rest."""
    async with shown(before=RESTING, after=NEVER_RESTS) as (page, url):
        at_rest = await picture(page, f"{url}/before")
        moving = await picture(page, f"{url}/after")

    assert moving.startswith(b"\x89PNG")
    assert at_rest != moving
