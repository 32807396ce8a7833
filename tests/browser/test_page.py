"""What a real browser makes of the page: it can be read, used, and runs nothing of a message.

Not part of a plain `pytest`: `make test-browser` runs it, and leaves pictures in `build/page`.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import grpc
import pytest
from playwright.async_api import Browser

from emailopens_client import ApiKeyFile, LogEnd, OpenStream
from examples.demo import CONFIGURATION_ID, NEWSLETTER, PERSON, create_configuration, fetch, rewrite
from examples.pair import HOST, Pair, free_ports, page_options, pair_on_free_ports, running_pair
from examples.pixel_url import pixel_url_of
from pixel_service.open_log import BEGINNING, OpenLog, WebhookState
from pixel_service.settings import default_log_url
from service_runtime.callers import Role
from tests.browser.looks import MODES, PICTURES, Look, Mode, Viewer, a_browser, a_viewer
from tests.browser.page_opens import HOSTILE_SUBJECTS, opens
from tests.fixtures.api_keys import a_key
from tests.pixel.open_log.webhook_values import new_webhook
from tests.pixel.service_values import log_at

pytestmark = pytest.mark.timeout(600)

# As many as a page must not mind; a hundred thousand take half a minute more.
OPENS: Final = int(os.environ.get("EMAILOPENS_PAGE_OPENS", "20000"))
APPENDED_AT_ONCE: Final = 1_000
CONFIGURATIONS: Final = [f"campaign-{number}" for number in range(200)]

# Both of the first message, whose subject is hostile.
MESSAGE: Final = "/messages/m0"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A page, and the key that one logs in with."""

    url: str
    key: str


async def fill(data: Path) -> None:
    """Fill the log of a service that does not run yet, and count what is in it."""
    every = list(opens(OPENS, CONFIGURATIONS, days=20, now=dt.datetime.now(dt.UTC)))
    async with log_at(default_log_url(data)) as log:
        for first in range(0, OPENS, APPENDED_AT_ONCE):
            await log.append(every[first : first + APPENDED_AT_ONCE])
        while await log.statistics.count_step():
            pass
        await add_webhooks(log, skipped=every[0].event_id)


async def add_webhooks(log: OpenLog, *, skipped: str) -> None:
    """Add one whose receiver is gone and has not taken *skipped*, and one that fails."""
    await log.webhooks.create(new_webhook("gone"))
    (leased,) = await log.webhooks.lease("test", length=dt.timedelta(minutes=1))
    page = await log.read(after=BEGINNING, max_entries=1, max_octets=1)
    await log.webhooks.skip(
        leased,
        "test",
        event_id=skipped,
        before=BEGINNING,
        up_to=page.after,
        error="answered 422",
    )
    await log.webhooks.paused(leased, "test", state=WebhookState.PAUSED_GONE, error="answered 410")
    await log.webhooks.create(new_webhook("failing"))
    await log.subscriptions.create_subscription("crm", start=BEGINNING)


async def send_and_open(pair: Pair, key: Path) -> None:
    """Have a message rewritten, and fetch its pixel, until the open is recorded."""
    async with grpc.aio.insecure_channel(pair.injector) as injector:
        await create_configuration(injector)
        url = pixel_url_of(await rewrite(injector, NEWSLETTER.read_bytes()))
    async with OpenStream(
        pair.pixel,
        position=LogEnd.LATEST,
        configuration_ids=[CONFIGURATION_ID],
        api_key=ApiKeyFile(key),
    ) as stream:
        await fetch(url, PERSON)
        await anext(aiter(stream))


@contextlib.asynccontextmanager
async def serving(data: Path) -> AsyncIterator[Served]:
    """Serve what `fill` has made, and a message that was really sent and opened."""
    await fill(data)
    _, key = a_key(data / "keys", Role.ADMIN)
    (data / "key").write_text(key)
    page = f"{HOST}:{free_ports(1)}"
    pair = pair_on_free_ports()
    options = [
        *page_options(pair, page),
        f"--api-keys={data / 'keys'}",
        # As the demo has it: the address is what the proxy says.
        "--trusted-proxies=127.0.0.1",
    ]
    with (
        (data / "log").open("wb") as output,
        running_pair(pair, data=data, log=output, more_pixel_options=options),
    ):
        await send_and_open(pair, data / "key")
        yield Served(url=f"http://{page}", key=key)


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
    await viewer.open(f"{url}/messages", "messages")
    await viewer.send("messages-found", "form.search", by="subject", text="window")
    await viewer.send("messages-many", "form.search", by="subject", text="spring")
    await viewer.open(url + MESSAGE, "message")
    await viewer.open(f"{url}{MESSAGE}/erase", "message-erase")
    await viewer.open(f"{url}/nothing", "nothing-there")


async def look(browser: Browser, mode: Mode, served: Served) -> list[Look]:
    """Look at everything in one way."""
    async with a_viewer(browser, mode) as viewer:
        await look_at_everything(viewer, served)
    return viewer.looks


async def everything() -> list[Look]:
    """Look at everything in each way."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as served, a_browser() as browser:
            looks = [await look(browser, mode, served) for mode in MODES]
    return [each for of_mode in looks for each in of_mode]


@pytest.fixture(scope="module")
def looks() -> list[Look]:
    """Look at everything, once for all tests."""
    return asyncio.run(everything())


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
