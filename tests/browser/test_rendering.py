"""What a real browser makes of rewritten messages.

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
from tests.browser.message_server import FetchCounter, message_server, pixel_endpoint
from tests.browser.shown_messages import ShownMessage, messages

# It takes a minute or two, or ten times that beside other work.
pytestmark = pytest.mark.timeout(3600)

# A desktop client's reading pane.
WIDTH: Final = 800
HEIGHT: Final = 1_000

# The longest newsletters have some 10,000; what is below is not compared.
MAX_HEIGHT: Final = 12_000

# Messages that are shown at the same time.  The browser mostly waits for its own
# frames, so more than there are cores.
AT_ONCE: Final = 4

# How often a message that looks different is shown in all.  A difference that the
# rewriting makes is there every time; one that a busy machine makes is not.
MOST_SHOWINGS: Final = 3

KNOWN: Final = tomllib.loads((Path(__file__).parent / "known_differences.toml").read_text("utf-8"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What the browser did with one message."""

    message: ShownMessage
    showings: int
    looks_the_same: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the browser did with all messages, and how often it fetched each token."""

    renderings: list[Rendering]
    fetches: collections.Counter[str]


async def show(url: str, before: Page, after: Page) -> bool:
    """Show the message at *url* before and after rewriting; return whether both look the same."""
    await before.open(f"{url}/before", height=HEIGHT)
    await after.open(f"{url}/after", height=HEIGHT)
    height = min(max(await before.height(), await after.height(), HEIGHT), MAX_HEIGHT)
    return await before.picture(height=height) == await after.picture(height=height)


async def render(message: ShownMessage, url: str, before: Page, after: Page) -> Rendering:
    """Show *message* until it looks the same, at most `MOST_SHOWINGS` times."""
    showings, is_same = 0, False
    try:
        while not is_same and showings < MOST_SHOWINGS:
            is_same = await show(url, before, after)
            showings += 1
    except TimeoutError as error:
        error.add_note(f"while showing {message.name}")
        raise
    return Rendering(message=message, showings=showings, looks_the_same=is_same)


async def render_all() -> Session:
    """Show all messages in one browser."""
    counter = FetchCounter()
    renderings = []
    async with pixel_endpoint(counter) as pixels, running_chromium() as browser:
        shown = messages(pixels)
        waiting = collections.deque(enumerate(shown))

        async def work(url: str) -> None:
            async with browser.page(width=WIDTH) as before, browser.page(width=WIDTH) as after:
                while waiting:
                    number, message = waiting.popleft()
                    renderings.append(await render(message, f"{url}/{number}", before, after))

        async with message_server(shown, pixels=pixels) as url, asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work(url))
    return Session(renderings=renderings, fetches=counter.fetches)


@pytest.fixture(scope="module")
def session() -> Session:
    """Show all messages, once for all tests."""
    return asyncio.run(render_all())


def test_every_pixel_is_fetched_exactly_once(session: Session) -> None:
    """A message that is opened once is one fetch: not none, not two."""
    fetches = {
        one.message.name: session.fetches[one.message.token]
        for one in session.renderings
        if session.fetches[one.message.token] != one.showings
    }

    assert fetches == dict.fromkeys(KNOWN["not_fetched"], 0)


def test_no_letter_looks_different(session: Session) -> None:
    """Before and after, each message is the same to the last point on the screen.

    Messages that are listed with a reason do differ; one that no longer does leaves the list.
    Those of the sample of real mail are shown where that is there.
    """
    shown = {one.message.name for one in session.renderings}
    different = {one.message.name for one in session.renderings if not one.looks_the_same}

    assert different == set(KNOWN["different"]) & shown


def test_there_is_something_to_see(session: Session) -> None:
    """The messages are all of the goldens and a sample of real mail, not an empty list."""
    assert len(session.renderings) >= 150
