"""The end of the log, read once for all streams of a process."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from pixel_service.errors import CursorAhead, CursorExpired, LogUnavailable, PixelError
from pixel_service.open_log import OpenLog, Page, Position
from pixel_service.streaming.recent_opens import RecentOpens
from service_runtime.background import kept_running
from service_runtime.backoff import Backoff
from service_runtime.outage import Outage

# What one reading takes from the log.
_READ_ENTRIES: Final = 5_000
_READ_OCTETS: Final = 4 * 1024 * 1024

# How often the log is read without news, to find out whether it can be: streams
# that wait for the next open must not take a dead log for a quiet one.
_CHECK: Final = dt.timedelta(seconds=5)

# A failover takes seconds; streams wait that long before they end.
_PATIENCE: Final = dt.timedelta(seconds=5)
_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=1)


class Tail:
    """Follows the log while somebody needs it, and keeps what is new for all of them.

    Otherwise nothing is read: that takes a tenth of the time of recording.
    """

    def __init__(self, open_log: OpenLog, *, end: Position, on_news: Callable[[], None]) -> None:
        self._log = open_log
        self._on_news = on_news
        self._recent = RecentOpens(end)
        self._needs = 0
        self._needed = asyncio.Event()
        self._is_following = False
        self.generation = 0
        """Changes when positions read from here need not lead on to what is here now."""
        self.failure: PixelError | None = None
        """Why nothing new is read; None as long as all is well."""
        self._outage = Outage("log not readable", "log readable again")
        self.read_at = time.monotonic()
        """When the last reading of the log began that has succeeded, by the monotonic clock."""

    @property
    def end(self) -> Position:
        """The end of the log, as far as is known."""
        return self._recent.end

    def is_well(self) -> bool:
        """Return whether the log can be read."""
        return self.failure is None

    def read(self, *, after: Position, max_entries: int, max_octets: int) -> Page | None:
        """Return what follows *after*, as `OpenLog.read` does; None if it begins too late."""
        if not self._is_following:
            return None
        return self._recent.read(after=after, max_entries=max_entries, max_octets=max_octets)

    @contextlib.contextmanager
    def needed(self) -> Iterator[None]:
        """Follow the log at least until the block ends."""
        self._needs += 1
        self._needed.set()
        try:
            yield
        finally:
            self._needs -= 1
            if not self._needs:
                self._needed.clear()

    async def follow(self) -> None:
        """Read the log as it grows, while that is needed, for ever.

        An error that is not the log's is raised; streams end then, and call again.
        """
        # The one before, if there was one, may have died anywhere.
        self.generation += 1
        self._forget()
        backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        failing_since: float | None = None
        while True:
            try:
                began = time.monotonic()
                if self._needed.is_set():
                    await self._read_on()
                else:
                    await self._rest()
                failing_since = self.failure = None
                self._outage.worked()
                self.read_at = began
                backoff.reset()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_CHECK.total_seconds()):
                        await self._wait()
            except (CursorExpired, CursorAhead):
                # This process slept through a retention period, or the log was replaced.
                # Every stream reads the log next, and learns which.
                self.generation += 1
                self._forget()
            except PixelError as error:
                now = time.monotonic()
                failing_since = now if failing_since is None else failing_since
                self._report(error, failing_for=dt.timedelta(seconds=now - failing_since))
                await backoff.pause()
            except Exception:
                self.failure = LogUnavailable()
                self._on_news()
                raise

    async def _read_on(self) -> None:
        """Read until the end of the log; begin there, if it was not followed before."""
        if not self._is_following:
            self._recent.begin(await self._log.head())
            self._is_following = True
            self._on_news()
        at_head = False
        while not at_head:
            page = await self._log.read(
                after=self.end, max_entries=_READ_ENTRIES, max_octets=_READ_OCTETS
            )
            at_head = page.at_head
            if self._recent.extend(page):
                self._on_news()

    async def _rest(self) -> None:
        """Hold nothing; see that the log can be read."""
        self._forget()
        self._recent.begin(await self._log.head())

    async def _wait(self) -> None:
        """Wait until there is something to read that somebody needs."""
        if self._is_following:
            await self._log.wait_for_news(after=self.end)
        else:
            await self._needed.wait()

    def _forget(self) -> None:
        self._recent.begin(self.end)
        self._is_following = False

    def _report(self, error: PixelError, *, failing_for: dt.timedelta) -> None:
        if isinstance(error, LogUnavailable) and failing_for < _PATIENCE:
            return
        self._outage.failed(error=type(error).__name__)
        self.failure = error
        self._on_news()


@contextlib.asynccontextmanager
async def following(open_log: OpenLog, *, on_news: Callable[[], None]) -> AsyncIterator[Tail]:
    """Follow *open_log* from its end on inside the block.

    Args:
        open_log: the log.
        on_news: called after something was added, and when following fails.

    Raises:
        LogUnavailable: the log does not answer.
    """
    tail = Tail(open_log, end=await open_log.head(), on_news=on_news)
    async with kept_running("tail of the log", tail.follow):
        yield tail
