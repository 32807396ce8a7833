"""*Now* over HTTP, with opens of a real log that come while somebody looks."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pixel_service.errors import SubscriptionPaused
from pixel_service.page import routes_now
from pixel_service.page.application import new_application
from pixel_service.page.live import FeedLimits, Feeds, TooManyFeeds
from pixel_service.page.routes_now import FEEDS, add_now
from pixel_service.page.routes_subscriptions import add_subscriptions
from pixel_service.page.visit import Visit
from pixel_service.page.visitors import Everybody, Visitors
from service_runtime.callers import Role
from tests.page.markup import HOSTILE
from tests.pixel.journal.disks import until
from tests.pixel.open_log.log_values import an_open_of
from tests.pixel.service_values import StreamService, a_log, streaming


@dataclasses.dataclass
class Looking:
    """A page that is looked at."""

    service: StreamService
    browser: aiohttp.ClientSession

    async def read(self, path: str) -> str:
        """Return what a page shows."""
        async with self.browser.get(path) as response:
            assert response.status == 200
            return await response.text()

    async def send(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form; return the status of what comes then, and its path."""
        origin = str(self.browser._base_url).rstrip("/")  # noqa: SLF001 - it has no other name
        async with self.browser.post(path, data=fields, headers={"Origin": origin}) as response:
            return response.status, response.url.path


@contextlib.asynccontextmanager
async def looking(service: StreamService, *, role: Role | None = None) -> AsyncIterator[Looking]:
    """Look at the page as somebody of *role*."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        everybody = Everybody(visit=Visit(channel=channel, role=role))
        async with served(everybody) as browser:
            yield Looking(service, browser)


@contextlib.asynccontextmanager
async def served(
    visitors: Visitors, feeds: Feeds | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve *Now* and what it leads to."""
    application = new_application(visitors, hosts=None)
    add_now(application)
    if feeds is not None:
        application[FEEDS] = feeds
    add_subscriptions(application)
    async with (
        TestServer(application) as server,
        aiohttp.ClientSession(server.make_url("/")) as browser,
    ):
        yield browser


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[StreamService]:
    async with a_log(tmp_path) as log, streaming(log) as running:
        yield running


@pytest.fixture
async def page(service: StreamService) -> AsyncIterator[Looking]:
    async with looking(service) as page:
        yield page


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, str]]:
    """Yield names and data of events, as a browser reads them."""
    name, data = "", []
    async for line in response.content:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not field and name:
            yield name, "\n".join(data)
            name, data = "", []


async def test_opens_are_shown_that_were_there_and_that_come(page: Looking) -> None:
    """Those from before with the page, the others as events, as data and not as markup."""
    await page.service.log.append([an_open_of("before", subject="Before")])
    shown = await page.read("/")
    assert "Before" in shown
    async with page.browser.get("/live") as response:
        events = events_of(response)
        assert "Before" in await seen(events, "all")
        await page.service.log.append([an_open_of("after", subject=HOSTILE)])
        more = await seen(events, "more")
    assert "&lt;script&gt;alert(1)" in more
    assert "<script" not in more
    assert "Before" not in more


async def test_nothing_on_the_way_keeps_what_comes(page: Looking) -> None:
    """Proxies neither collect events nor compress them, and caches keep none."""
    async with page.browser.get("/live") as response:
        assert response.content_type == "text/event-stream"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        assert response.headers["Content-Encoding"] == "identity"


async def seen(events: AsyncIterator[tuple[str, str]], name: str) -> str:
    """Return the data of the next event *name* that says anything."""
    async with asyncio.timeout(60):
        async for found, data in events:
            if found == name and data:
                return data
    raise AssertionError("the events ended")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leaving(Everybody):
    """Lets everybody look until they have left."""

    left: asyncio.Event

    def visit_of(self, request: web.Request) -> Visit:
        """Return the one look that there is, until it is over."""
        if self.left.is_set():
            raise web.HTTPSeeOther("/login")
        return Everybody.visit_of(self, request)


async def test_opens_come_no_more_after_logging_out(service: StreamService) -> None:
    """In whatever tab: what is opened later is not shown to whoever comes to the machine then."""
    left = asyncio.Event()
    async with grpc.aio.insecure_channel(service.address) as channel:
        leaving = Leaving(visit=Visit(channel=channel), left=left)
        async with served(leaving) as browser, browser.get("/live") as response:
            await seen(events_of(response), "rate")
            left.set()
            await service.log.append([an_open_of("m", subject="Secret")])
            async with asyncio.timeout(60):
                assert b"Secret" not in await response.content.read()


async def test_page_that_ends_keeps_nobody_waiting(service: StreamService) -> None:
    """Whoever waits for opens is let go at once."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        feeds = Feeds()
        feed = feeds.feed_of(Visit(channel=channel))
        waiting = asyncio.create_task(feed.wait_beyond(0, had_failed=False))
        await feed.begun(seconds=60)
        assert not waiting.done()
        await feeds.close()
        async with asyncio.timeout(60):
            await waiting


async def test_too_many_who_look_are_told_so(service: StreamService) -> None:
    """Everything else is shown to them."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        everybody = Everybody(visit=Visit(channel=channel))
        async with served(everybody, Feeds(FeedLimits(feeds=0))) as browser:
            async with browser.get("/") as response:
                text = await response.text()
            assert "So many look already" in text
            assert "All is well" in text
            async with browser.get("/live") as response:
                assert response.status == 503


async def test_whoever_leaves_makes_room_at_once(
    page: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All come back at once when a proxy was restarted, before anything is sent to who has left."""
    monkeypatch.setattr(routes_now, "_MOST_VIEWERS", 1)
    monkeypatch.setattr(routes_now, "_QUIET", dt.timedelta(hours=1))

    async def status() -> int:
        async with page.browser.get("/live") as response:
            return response.status

    async with page.browser.get("/live") as response:
        await seen(events_of(response), "rate")
        assert await status() == 503
    async with asyncio.timeout(60):
        while await status() == 503:
            pass


async def test_health_is_for_operators_and_opens_for_subscribers(service: StreamService) -> None:
    """Each sees what their key allows, and that there is more for others."""
    await service.log.append([an_open_of("m", subject="Secret")])
    async with looking(service, role=Role.OPERATOR) as page:
        shown = await page.read("/")
        assert "All is well" in shown
        assert "Secret" not in shown
        async with page.browser.get("/live") as response:
            assert response.status == 503
    async with looking(service, role=Role.SUBSCRIBER) as page:
        shown = await page.read("/")
        assert "Secret" in shown
        assert "All is well" not in shown


async def test_who_is_behind_is_shown(page: Looking) -> None:
    """With how much, the furthest first, and where to see more."""
    log = page.service.log
    await log.append([an_open_of("m"), an_open_of("n")])
    places = [(await log.earliest()), (await log.head())]
    await log.subscriptions.create_subscription("late", start=places[0])
    await log.subscriptions.create_subscription("swift", start=places[1])
    shown = await page.read("/")
    assert 'Subscription <a href="/subscriptions/late">late</a>: 2 opens' in shown
    assert "swift" not in shown


async def test_subscription_is_paused_and_resumed(page: Looking) -> None:
    """What rests because somebody wants it is called that where it is behind."""
    log = page.service.log
    await log.append([an_open_of("m")])
    await log.subscriptions.create_subscription("crm", start=await log.earliest())
    assert "No stream serves it" in await page.read("/subscriptions")

    assert await page.send("/subscriptions/crm/pause") == (200, "/subscriptions/crm")
    assert "Paused since" in await page.read("/subscriptions/crm")
    assert '">crm</a>: 1 open, paused' in await page.read("/")
    with pytest.raises(SubscriptionPaused):
        await log.subscriptions.begin_session("crm", consumer_name="")

    assert await page.send("/subscriptions/crm/resume") == (200, "/subscriptions/crm")
    await log.subscriptions.begin_session("crm", consumer_name="")
    assert "A stream serves it" in await page.read("/subscriptions/crm")
    assert (await page.send("/subscriptions/none/pause"))[0] == 404


async def test_subscription_is_listed_replayed_and_deleted(page: Looking) -> None:
    """As a person does it: a time that is none changes nothing, and deleting asks first."""
    log = page.service.log
    await log.append([an_open_of("m")])
    await log.subscriptions.create_subscription("crm", start=await log.head())
    assert 'href="/subscriptions/crm"' in await page.read("/subscriptions")
    assert "0 opens" in await page.read("/subscriptions/crm")

    assert (await page.send("/subscriptions/crm/replay", **{"from": "soon"}))[0] == 400
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    fields = {"from": f"{yesterday:%Y-%m-%dT%H:%M}"}
    assert await page.send("/subscriptions/crm/replay", **fields) == (200, "/subscriptions/crm")
    assert "1 open" in await page.read("/subscriptions/crm")

    assert "is forgotten" in await page.read("/subscriptions/crm/delete")
    assert await page.send("/subscriptions/crm/delete") == (200, "/subscriptions")
    assert "There are no subscriptions" in await page.read("/subscriptions")


async def test_feed_begins_with_what_comes_if_too_much_was_there(service: StreamService) -> None:
    """It says since when it counts, and nobody waits for what was before."""
    await service.log.append([an_open_of(f"m{number}") for number in range(10)])
    async with grpc.aio.insecure_channel(service.address) as channel:
        feeds = Feeds(FeedLimits(before=5))
        feed = feeds.feed_of(Visit(channel=channel))
        began = feed.recent.since
        async with asyncio.timeout(60):
            await until(lambda: feed.recent.since != began)
            await service.log.append([an_open_of("later")])
            await feed.wait_beyond(0, had_failed=False)
        assert [each.mail.message_id for each in feed.recent.latest()] == ["later"]
        await feeds.close()


async def test_feed_takes_each_open_once(service: StreamService) -> None:
    """Also those that come while it asks for those before."""
    opens = 200
    async with grpc.aio.insecure_channel(service.address) as channel:
        feeds = Feeds(FeedLimits(between=dt.timedelta(milliseconds=1)))
        feed = feeds.feed_of(Visit(channel=channel))
        for number in range(opens):
            await service.log.append([an_open_of(f"m{number}")])
        async with asyncio.timeout(60):
            await until(lambda: feed.recent.added >= opens)
        await service.log.append([an_open_of("last")])
        async with asyncio.timeout(60):
            await until(lambda: feed.recent.latest()[0].mail.message_id == "last")
        assert feed.recent.added == opens + 1
        await feeds.close()


async def test_feed_is_shared_and_ends_without_viewers(service: StreamService) -> None:
    """All who look with one key have one stream, others another, so many and no more."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        feeds = Feeds(FeedLimits(feeds=2, kept=dt.timedelta(milliseconds=50)))
        feed = feeds.feed_of(Visit(channel=channel, viewer="a"))
        with feed.looked_at():
            assert feeds.feed_of(Visit(channel=channel, viewer="a")) is feed
            other = feeds.feed_of(Visit(channel=channel, viewer="b"))
            assert other is not feed
            with pytest.raises(TooManyFeeds):
                feeds.feed_of(Visit(channel=channel, viewer="c"))
            await asyncio.wait({other.task})
            assert not feed.task.done()
        await asyncio.wait({feed.task})
        assert feeds.feed_of(Visit(channel=channel, viewer="a")) is not feed
        await feeds.close()


async def test_feed_says_that_the_service_is_away_and_goes_on_after_it(tmp_path: Path) -> None:
    """What was opened meanwhile comes, and nothing twice."""
    feeds = Feeds()
    async with a_log(tmp_path) as log, contextlib.AsyncExitStack() as first, asyncio.timeout(60):
        running = await first.enter_async_context(streaming(log))
        async with grpc.aio.insecure_channel(running.address) as channel:
            feed = feeds.feed_of(Visit(channel=channel))
            await log.append([an_open_of("a")])
            await feed.wait_beyond(0, had_failed=False)
            await first.aclose()
            await feed.wait_beyond(1, had_failed=False)
            assert feed.failure is not None
            await log.append([an_open_of("b")])
            async with streaming(log, listen=running.address):
                await feed.wait_beyond(1, had_failed=True)
                while feed.recent.added == 1:
                    await feed.wait_beyond(1, had_failed=feed.failure is not None)
            await feeds.close()
    assert [each.mail.message_id for each in feed.recent.latest()] == ["b", "a"]


async def test_feed_goes_on_with_another_log(tmp_path: Path) -> None:
    """A log that was restored knows no cursor from before: what comes from then on is shown."""
    feeds = Feeds()
    (tmp_path / "restored").mkdir()
    async with contextlib.AsyncExitStack() as first, asyncio.timeout(60):
        log = await first.enter_async_context(a_log(tmp_path))
        running = await first.enter_async_context(streaming(log))
        async with grpc.aio.insecure_channel(running.address) as channel:
            feed = feeds.feed_of(Visit(channel=channel))
            await log.append([an_open_of("a")])
            await feed.wait_beyond(0, had_failed=False)
            recent = feed.recent
            await first.aclose()
            async with a_log(tmp_path / "restored") as log, streaming(log, listen=running.address):
                await until(lambda: feed.recent is not recent)
                await log.append([an_open_of("b")])
                await until(lambda: bool(feed.recent.added))
            await feeds.close()
    assert [each.mail.message_id for each in feed.recent.latest()] == ["b"]
