"""What a real browser makes of the page: it can be read, used, and runs nothing of a message.

Not part of a plain `pytest`: `make test-browser` runs it, and leaves pictures in `build/page`.
"""

import asyncio
import dataclasses
import tempfile
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from examples.demo import CONFIGURATION_ID, NEWSLETTER, PERSON, fetch
from tests.browser.looks import (
    MODES,
    PATIENCE_MS,
    PICTURES,
    Look,
    Mode,
    Viewer,
    a_browser,
    a_viewer,
)
from tests.browser.page_opens import HOSTILE_SUBJECTS
from tests.browser.page_service import CONFIGURATIONS, Served, serving

pytestmark = pytest.mark.timeout(600)

# Both of the first message, whose subject is hostile.
MESSAGE: Final = "/messages/m0"


async def look_at_everything(viewer: Viewer, served: Served) -> None:
    """Log in, and go wherever one can go."""
    url = served.url
    await viewer.open(f"{url}/login", "login")
    await viewer.send("login-refused", "main form", api_key="eo_admin_none_none")
    await viewer.send("start", "main form", api_key=served.key)
    for entry in await viewer.page.locator("nav[aria-label=Pages] a").all():
        path = await entry.get_attribute("href") or "/"
        await viewer.open(url + path, path.strip("/").replace("/", "-") or "now")
    await viewer.open(f"{url}/configurations/{CONFIGURATIONS[0]}", "configuration")
    await viewer.open(f"{url}/configurations/{CONFIGURATIONS[0]}?span=year", "configuration-year")
    for webhook_id in ("gone", "failing"):
        await viewer.open(f"{url}/webhooks/{webhook_id}", f"webhook-{webhook_id}")
    await make_a_webhook(viewer, url)
    for subscription_id in ("billing", "warehouse-import"):
        await viewer.open(
            f"{url}/subscriptions/{subscription_id}", f"subscription-{subscription_id}"
        )
    await viewer.send("subscription-resumed", "form[action$=resume]")
    await viewer.send("subscription-paused", "form[action$=pause]")
    await viewer.open(f"{url}/messages", "messages")
    await viewer.send("messages-found", "form.search", by="subject", text="window")
    await viewer.send("messages-many", "form.search", by="subject", text="spring")
    await viewer.open(url + MESSAGE, "message")
    await viewer.open(f"{url}{MESSAGE}/erase", "message-erase")
    await viewer.open(f"{url}{MESSAGE}/objection", "message-objection")
    await viewer.send("message-objected", "form.actions")
    await viewer.send("message-objection-withdrawn", "form.actions")
    await viewer.open(f"{url}/test-message", "test-message")
    await viewer.send(
        "test-message-result",
        "main form",
        raw=NEWSLETTER.read_text("utf-8"),
        configurations=CONFIGURATION_ID,
    )
    await viewer.open(f"{url}/nothing", "nothing-there")


async def make_a_webhook(viewer: Viewer, url: str) -> None:
    """Create a webhook, after a mistake, and delete it."""
    await viewer.open(f"{url}/create-webhook", "webhook-create")
    fields = {"id": "made-here", "configurations": "of-nobody"}
    await viewer.send("webhook-refused", "main form", url="https://127.0.0.1/hook", **fields)
    # Nothing is sent: there are no such opens.
    await viewer.send("webhook-created", "main form", url="https://1.1.1.1/hook", **fields)
    await viewer.open(f"{url}/webhooks/made-here/delete", "webhook-delete")
    await viewer.send("webhook-deleted", "form.actions")


async def look(browser: Browser, mode: Mode, served: Served) -> list[Look]:
    """Look at everything in one way."""
    async with a_viewer(browser, mode) as viewer:
        await look_at_everything(viewer, served)
        await as_it_happens(viewer, served)
    return viewer.looks


async def with_keys_alone(browser: Browser, served: Served) -> list[str]:
    """Log in and find a message with the keyboard; return what had the focus, and what came."""
    focused = "document.activeElement.textContent || document.activeElement.name"
    async with a_viewer(browser, MODES[0]) as viewer:
        page = viewer.page
        await page.goto(f"{served.url}/login")
        await page.keyboard.press("Tab")
        first = await page.evaluate(focused)
        await page.keyboard.press("Enter")
        # From the content on, past the menu.
        await page.keyboard.press("Tab")
        second = await page.evaluate(focused)
        async with page.expect_navigation():
            await page.keyboard.type(served.key + "\n")
        return [first, second, await page.locator("nav[aria-label=Pages]").inner_text()]


async def as_it_happens(viewer: Viewer, served: Served) -> None:
    """Look at *Now* until an open is there that came while it was looked at."""
    opens_of_it = viewer.page.locator("#latest tr", has_text=CONFIGURATION_ID)
    await viewer.page.goto(served.url)
    before = await opens_of_it.count()
    await fetch(served.pixel, PERSON)
    await expect(opens_of_it).to_have_count(before + 1, timeout=PATIENCE_MS)
    await viewer.look("now-live")


async def without_scripts(browser: Browser, served: Served) -> str:
    """Return what a message's page says in a browser that runs no scripts."""
    async with await browser.new_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(f"{served.url}/login")
        await page.locator("[name=api_key]").fill(served.key)
        async with page.expect_navigation():
            await page.locator("main button").click()
        await page.goto(served.url + MESSAGE)
        return await page.locator("main").inner_text()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there was to see."""

    looks: list[Look]
    with_keys_alone: list[str]
    without_scripts: str


async def everything() -> Seen:
    """Look at everything in each way."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as served, a_browser() as browser:
            looks = [await look(browser, mode, served) for mode in MODES]
            return Seen(
                looks=[each for of_mode in looks for each in of_mode],
                with_keys_alone=await with_keys_alone(browser, served),
                without_scripts=await without_scripts(browser, served),
            )


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Look at everything, once for all tests."""
    return asyncio.run(everything())


@pytest.fixture
def looks(seen: Seen) -> list[Look]:
    return seen.looks


def found(looks: list[Look], field: str) -> dict[str, object]:
    """Return what was found where something was found."""
    return {
        f"{each.name} ({each.mode})": value for each in looks if (value := getattr(each, field))
    }


def test_axe_finds_nothing(looks: list[Look]) -> None:
    """Every page is as WCAG 2.2 AA asks, light and dark, on a desk and on a phone."""
    assert found(looks, "inaccessible") == {}


def test_nothing_breaks_the_policy_and_nothing_of_a_message_runs(looks: list[Look]) -> None:
    """What hostile messages hold is text, and the page itself needs nothing that is refused."""
    assert found(looks, "broken") == {}
    assert found(looks, "has_run") == {}


def test_no_page_is_wider_than_its_window(looks: list[Look]) -> None:
    """Whatever a subject is, nobody scrolls sideways."""
    assert found(looks, "overflow") == {}


def test_hostile_subjects_are_shown_as_they_are(looks: list[Look]) -> None:
    """Whoever looks sees what was written."""
    (text, *_) = [each.text for each in looks if each.name == "message"]

    assert HOSTILE_SUBJECTS[0] in text


def test_whoever_has_no_mouse_gets_in(seen: Seen) -> None:
    """The first key leads past the menu to the content, the next to its first field."""
    first, second, menu = seen.with_keys_alone

    assert (first, second) == ("To the content", "api_key")
    assert "Messages" in menu


def test_scripts_only_make_it_nicer(seen: Seen, looks: list[Look]) -> None:
    """Without them the same is there, with times in UTC; with them, in the reader's zone."""
    (with_scripts, *_) = [each.text for each in looks if each.name == "message"]

    assert HOSTILE_SUBJECTS[0] in seen.without_scripts
    assert "UTC" in seen.without_scripts
    assert "UTC" not in with_scripts


def test_recipient_objects_and_withdraws(looks: list[Look]) -> None:
    """The page says how things stand after each."""
    texts = {each.name: each.text for each in looks}

    assert "Withdraw" in texts["message-objected"]
    assert "Record nothing more" in texts["message-objection-withdrawn"]


def test_webhook_is_made_after_a_mistake(looks: list[Look]) -> None:
    """What is wrong is said beside the form, and the secret when it is right."""
    texts = {each.name: each.text for each in looks}

    assert "cannot be asked" in texts["webhook-refused"]
    assert "whsec_" in texts["webhook-created"]
    assert "made-here" not in texts["webhook-deleted"]


def test_message_is_tried_where_the_injector_is_named(looks: list[Look]) -> None:
    """What becomes of it comes from the service that would rewrite it."""
    (text, *_) = [each.text for each in looks if each.name == "test-message-result"]

    assert "It is tracked" in text


async def test_what_is_wrong_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document with all these faults is not taken for a good one."""
    monkeypatch.setattr("tests.browser.looks.PICTURES", tmp_path)
    faulty = (
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"default-src 'none';"
        " script-src 'nonce-1'\"><img src=x:x><style>a{}</style><p style='width:9999px'>wide</p>"
        "<script nonce=1>window.hasRun = 1; document.body.append(document.createElement('style'));"
        "throw new Error('failed')</script>"
    )
    document = tmp_path / "faulty.html"
    document.write_text(faulty)
    async with a_browser() as browser, a_viewer(browser, MODES[2]) as viewer:
        await viewer.open(document.as_uri(), "faulty")
    (seen,) = viewer.looks

    assert seen.has_run
    assert {each.partition(" ")[0] for each in seen.broken} >= {"img-src", "style-src-elem"}
    assert any("failed" in each for each in seen.broken)
    assert {each.partition(" ")[0] for each in seen.inaccessible} >= {"image-alt"}
