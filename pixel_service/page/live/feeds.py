"""Opens that come, asked for once for all who may see the same."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import Iterator
from typing import Final

import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.page.live.recent import RecentOpens
from pixel_service.page.visit import Visit
from service_runtime.background import kept_running
from service_runtime.backoff import Backoff

# A feed begins with what was opened shortly before, so that the page is not empty.
_BEFORE: Final = dt.timedelta(minutes=15)

# A second's opens take some milliseconds.  A service that takes so long does not answer.
_PATIENCE: Final = dt.timedelta(seconds=15)

_NAME: Final = "page"

_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=500)
_LONGEST_RETRY: Final = dt.timedelta(seconds=10)

# What is said of a cursor from which nobody can go on: the log was restored, or is another.
_CURSOR_LOST: Final = frozenset({grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.FAILED_PRECONDITION})


class TooManyFeeds(Exception):
    """As many keys look already as may."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedLimits:
    """What feeds may take."""

    feeds: int = 50
    """Of a process: each asks the service by itself."""

    before: int = 20_000
    """If there were more opens shortly before, a feed begins with what comes."""

    between: dt.timedelta = dt.timedelta(seconds=1)
    """How long after an answer the service is asked again.  Subscribers have each open as soon as
    it is recorded, which costs the service more; a chart that moves more often is only restless."""

    kept: dt.timedelta = dt.timedelta(seconds=60)
    """How long a feed goes on without anybody: whoever reloads the page finds it as it was."""


_LIMITS: Final = FeedLimits()


def utc_now() -> dt.datetime:
    """Return the present time."""
    return dt.datetime.now(dt.UTC)


class Feed:
    """Follows the opens that one key may see."""

    def __init__(self, visit: Visit, limits: FeedLimits) -> None:
        self._stub = pb_grpc.PixelServiceStub(visit.channel)
        self._limits = limits
        self._cursor = ""
        self._viewers = 0
        self._left_at = time.monotonic()
        self._changed = asyncio.Condition()
        self._answered = asyncio.Event()
        self._is_before_its_time = True
        self.recent = RecentOpens(utc_now() - _BEFORE)
        self.failure: grpc.aio.AioRpcError | None = None
        """Why nothing comes; None if all is well."""
        self.task = asyncio.create_task(self._run())

    @property
    def is_refused(self) -> bool:
        """Whether the service does not take the key any more."""
        return self.failure is not None and (self.failure.code() is grpc.StatusCode.UNAUTHENTICATED)

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[None]:
        """Go on during the block."""
        self._viewers += 1
        try:
            yield
        finally:
            self._viewers -= 1
            self._left_at = time.monotonic()

    async def begun(self, *, seconds: float) -> None:
        """Wait until the first opens are there, if there are any, but *seconds* at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answered.wait()

    async def wait_beyond(self, added: int, *, had_failed: bool) -> None:
        """Wait until more than *added* opens were added, it fails, does no longer, or ends."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    self.recent.added != added
                    or (self.failure is not None) != had_failed
                    or self.task.done()
                )
            )

    async def end(self) -> None:
        """End, and tell whoever waits."""
        self.task.cancel()
        await asyncio.wait({self.task})
        async with self._changed:
            self._changed.notify_all()

    async def _run(self) -> None:
        """Follow for as long as somebody looks, and a little longer."""
        kept = self._limits.kept.total_seconds()
        async with kept_running("live opens of the page", self._follow):
            # Nobody waits for its end, so that no event is needed.
            while (  # noqa: ASYNC110 - see above
                self._viewers or time.monotonic() - self._left_at < kept
            ):
                await asyncio.sleep(kept)

    async def _follow(self) -> None:
        backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        while True:
            try:
                await self._catch_up()
                backoff.reset()
                await self._note(None)
                await asyncio.sleep(self._limits.between.total_seconds())
            except grpc.aio.AioRpcError as error:
                if error.code() in _CURSOR_LOST:
                    self._begin_anew()
                await self._note(error)
                await backoff.pause()

    async def _catch_up(self) -> None:
        """Take what was opened since the last time."""
        end = self._cursor
        call = self._stub.StreamOpens(self._request(), timeout=_PATIENCE.total_seconds())
        try:
            async for response in call:
                if response.HasField("started"):
                    # Further than the last open, which may be long ago for whoever may see few.
                    end = response.started.head_cursor
                elif response.HasField("batch"):
                    # Or further than that: what came in the meantime is there, too.
                    end = self._cursor = response.batch.cursor
                    self.recent.add(response.batch.notifications, now=utc_now())
                if self._is_before_its_time and self.recent.added >= self._limits.before:
                    self._begin_anew()
                    return
        finally:
            call.cancel()
        self._cursor = end
        self._is_before_its_time = False

    def _begin_anew(self) -> None:
        """Go on with what comes from now on."""
        self._cursor, self.recent = "", RecentOpens(utc_now())
        self._is_before_its_time = False

    def _request(self) -> pb.StreamOpensRequest:
        request = pb.StreamOpensRequest(stop_at_head=True, consumer_name=_NAME)
        if self._cursor:
            request.after_cursor = self._cursor
        else:
            request.from_time.FromDatetime(self.recent.since)
        return request

    async def _note(self, failure: grpc.aio.AioRpcError | None) -> None:
        self._answered.set()
        async with self._changed:
            self.failure = failure
            self._changed.notify_all()


class Feeds:
    """The feeds of a process, one for each key that looks."""

    def __init__(self, limits: FeedLimits = _LIMITS) -> None:
        self._limits = limits
        self._feeds: dict[str, Feed] = {}

    def feed_of(self, visit: Visit) -> Feed:
        """Return the feed of whoever looks.

        Raises:
            TooManyFeeds: so many keys look already.
        """
        self._feeds = {key: feed for key, feed in self._feeds.items() if not feed.task.done()}
        feed = self._feeds.get(visit.viewer)
        if feed is None:
            if len(self._feeds) >= self._limits.feeds:
                raise TooManyFeeds
            feed = self._feeds[visit.viewer] = Feed(visit, self._limits)
        return feed

    async def close(self) -> None:
        """End all feeds."""
        await asyncio.gather(*(feed.end() for feed in self._feeds.values()))
