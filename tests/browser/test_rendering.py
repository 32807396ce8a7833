"""What a real browser makes of rewritten letters.

Not part of a plain `pytest`: `make test-browser` runs it.
"""

import asyncio
import collections
import dataclasses
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.browser.chromium import Page, running_chromium
from tests.browser.letter_server import FetchCounter, letter_server, pixel_endpoint
from tests.browser.letters import letters

pytestmark = pytest.mark.timeout(900)

# A desktop client's reading pane.
WIDTH: Final = 800
HEIGHT: Final = 1_000

# The longest newsletters have some 10,000; what is below is not compared.
MAX_HEIGHT: Final = 12_000

# Letters that are shown at the same time.  The browser mostly waits for its own
# frames, so more than there are cores.
AT_ONCE: Final = 4

KNOWN: Final = tomllib.loads((Path(__file__).parent / "known_differences.toml").read_text("utf-8"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What the browser did with one letter."""

    name: str
    fetches: int
    looks_the_same: bool


async def render(url: str, before: Page, after: Page) -> bool:
    """Show the letter at *url* before and after rewriting; return whether both look the same."""
    await before.open(f"{url}/before")
    await after.open(f"{url}/after")
    height = max(await before.height(), await after.height(), HEIGHT)
    size = {"width": WIDTH, "height": min(height, MAX_HEIGHT)}
    return await before.screenshot(**size) == await after.screenshot(**size)


async def render_all() -> list[Rendering]:
    """Show all letters in one browser."""
    counter = FetchCounter()
    renderings = []
    async with pixel_endpoint(counter) as pixels, running_chromium() as browser:
        shown = letters(pixels)
        waiting = collections.deque(enumerate(shown))

        async def work(url: str) -> None:
            async with (
                browser.page(width=WIDTH, height=HEIGHT) as before,
                browser.page(width=WIDTH, height=HEIGHT) as after,
            ):
                while waiting:
                    number, letter = waiting.popleft()
                    try:
                        is_same = await render(f"{url}/{number}", before, after)
                    except TimeoutError as error:
                        error.add_note(f"while showing {letter.name}")
                        raise
                    fetches = counter.fetches[letter.token]
                    renderings.append(
                        Rendering(name=letter.name, fetches=fetches, looks_the_same=is_same)
                    )

        async with letter_server(shown, pixels=pixels) as url, asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work(url))
    return renderings


@pytest.fixture(scope="module")
def renderings() -> list[Rendering]:
    """Show all letters, once for all tests."""
    return asyncio.run(render_all())


def test_every_pixel_is_fetched_exactly_once(renderings: list[Rendering]) -> None:
    """A letter that is opened once is one fetch: not none, not two."""
    fetches = {one.name: one.fetches for one in renderings if one.fetches != 1}

    assert fetches == dict.fromkeys(KNOWN["not_fetched"], 0)


def test_no_letter_looks_different(renderings: list[Rendering]) -> None:
    """Before and after, each letter is the same to the last point on the screen.

    Letters that are listed with a reason do differ; one that no longer does leaves the list.
    """
    different = {one.name for one in renderings if not one.looks_the_same}

    assert different == set(KNOWN["different"])


def test_there_is_something_to_see(renderings: list[Rendering]) -> None:
    """The letters are all of the goldens and a sample of real mail, not an empty list."""
    assert len(renderings) >= 150
