"""Where *Now* is, and where what is new comes from."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Final

import htpy as h
from aiohttp import hdrs, web

from pixel_service.page.application import VISITORS, add_menu, add_page
from pixel_service.page.live import Feed, Feeds, TooManyFeeds
from pixel_service.page.views import now_pages
from pixel_service.page.views.news import News
from pixel_service.page.views.now import show_now
from pixel_service.page.visit import Visit

FEEDS: Final[web.AppKey[Feeds]] = web.AppKey("feeds", Feeds)

# What is sent when nothing happens: the last minute moves on, and a proxy in front sees that
# somebody is there.
_QUIET: Final = dt.timedelta(seconds=5)

# A browser comes back by itself, and is asked anew who it is.
_LONGEST: Final = dt.timedelta(hours=1)

_HEADERS: Final = {
    hdrs.CONTENT_TYPE: "text/event-stream",
    # A proxy that collects an answer before it passes it on, as nginx does, or that compresses
    # it, would keep what is new from whoever looks.  Caddy, until 2.8, compresses whatever has no
    # coding yet, even if it must not be transformed.
    "X-Accel-Buffering": "no",
    hdrs.CACHE_CONTROL: "no-store, no-transform",
    hdrs.CONTENT_ENCODING: "identity",
}

# Of a process: each holds a connection.
_MOST_VIEWERS: Final = 200


def add_now(application: web.Application) -> None:
    """Add what shows what happens now."""
    application[FEEDS] = Feeds()
    looking, news = set[web.RequestHandler](), News()

    async def live(request: web.Request) -> web.StreamResponse:
        visit = request.app[VISITORS].visit_of(request)
        feed = _feed_of(visit, request)
        # Whoever has left is noticed when something is sent to them, which is too late for all who
        # come back at once when a proxy was restarted.
        looking.difference_update([each for each in looking if each.transport is None])
        if feed is None or feed.is_refused or len(looking) >= _MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text="So many look already.")
        looking.add(request.protocol)
        try:
            return await _stream(request, feed, news)
        finally:
            looking.discard(request.protocol)

    async def close(_: web.Application) -> None:
        await application[FEEDS].close()

    add_menu(application, "/", "Now")
    add_page(application, "/", "Now", _now)
    application.router.add_get(now_pages.LIVE, live, allow_head=False)
    application.on_shutdown.append(close)


async def _now(visit: Visit, request: web.Request) -> h.Node:
    return await show_now(visit, _feed_of(visit, request))


def _feed_of(visit: Visit, request: web.Request) -> Feed | None:
    if not visit.may("PixelService/StreamOpens"):
        return None
    try:
        return request.app[FEEDS].feed_of(visit)
    except TooManyFeeds:
        return None


async def _stream(request: web.Request, feed: Feed, news: News) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    with feed.looked_at(), contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_LONGEST.total_seconds()):
            async for octets in _events(feed, news, lambda: _is_welcome(request)):
                await response.write(octets)
    return response


def _is_welcome(request: web.Request) -> bool:
    """Return whether whoever looks has not logged out since, nor ended their day."""
    try:
        request.app[VISITORS].visit_of(request)
    except web.HTTPException:
        return False
    return True


async def _events(feed: Feed, news: News, is_welcome: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield what is new, as the feed hears of it, for as long as it and its viewer last."""
    recent, seen = feed.recent, 0
    while is_welcome() and not feed.is_refused and not feed.task.done():
        if recent is not feed.recent:
            recent, seen = feed.recent, 0
        octets, seen = news.of(feed, seen=seen), recent.added
        yield octets
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_QUIET.total_seconds()):
                await feed.wait_beyond(seen, had_failed=feed.failure is not None)
