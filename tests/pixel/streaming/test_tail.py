"""The newest opens in memory, on a real log: read while somebody needs them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import OpenLog, Page
from pixel_service.streaming import Tail, following
from tests.pixel.open_log.log_values import LogHome, event_ids, new_opens


@contextlib.asynccontextmanager
async def a_followed_log(folder: Path) -> AsyncIterator[tuple[OpenLog, Tail, asyncio.Event]]:
    """Open a log in *folder* and follow it; yields what is set at news, too."""
    news = asyncio.Event()
    async with (
        LogHome(url=f"sqlite:///{folder / 'opens.db'}").connect() as log,
        following(log, on_news=news.set) as tail,
    ):
        yield log, tail, news


async def until_read_to(tail: Tail, log: OpenLog, news: asyncio.Event) -> None:
    """Wait until *tail* reaches the end of *log*."""
    head = await log.head()
    async with asyncio.timeout(30):
        while tail.end < head or tail.read(after=head, max_entries=1, max_octets=1) is None:
            await news.wait()
            news.clear()


async def test_log_is_not_read_while_nobody_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading every commit back would take a tenth of the time of recording."""
    async with a_followed_log(tmp_path) as (log, tail, news):
        reads = 0
        read = log.read

        async def counted(**arguments: object) -> Page:
            nonlocal reads
            reads += 1
            return await read(**arguments)  # type: ignore[arg-type] # passed on as they came

        monkeypatch.setattr(log, "read", counted)
        start = tail.end
        for _ in range(10):
            await log.append(new_opens(1))
            await asyncio.sleep(0.01)

        assert reads == 0
        assert tail.read(after=start, max_entries=10, max_octets=1_000) is None
        with tail.needed():
            await until_read_to(tail, log, news)
            assert reads > 0


async def test_what_comes_while_it_is_needed_is_in_memory(tmp_path: Path) -> None:
    """From where following began on; what is older is read from the log."""
    async with a_followed_log(tmp_path) as (log, tail, news):
        beginning = tail.end
        await log.append(new_opens(3))
        with tail.needed(), tail.needed():
            await until_read_to(tail, log, news)
            start = tail.end
            opens = new_opens(5)
            await log.append(opens)
            await until_read_to(tail, log, news)

            page = tail.read(after=start, max_entries=10, max_octets=1_000)
            assert page is not None
            assert event_ids(page.entries) == event_ids(opens)
            assert page.at_head
            assert tail.read(after=beginning, max_entries=10, max_octets=1_000) is None


async def test_following_begins_anew_when_it_is_needed_again(tmp_path: Path) -> None:
    """What came meanwhile is not read: whoever needs it is behind, and reads the log."""
    async with a_followed_log(tmp_path) as (log, tail, news):
        with tail.needed():
            await until_read_to(tail, log, news)
        start = tail.end
        # The tail notices with the next open that nobody needs it any more.
        await log.append(new_opens(1))
        for _ in range(1_000):
            if tail.read(after=start, max_entries=1, max_octets=1) is None:
                break
            await asyncio.sleep(0.01)
        await log.append(new_opens(2))

        with tail.needed():
            await until_read_to(tail, log, news)
            assert tail.read(after=start, max_entries=10, max_octets=1_000) is None


async def test_error_that_nobody_foresaw_does_not_silence_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who stream are told meanwhile, and what is new comes when it has passed."""
    async with a_followed_log(tmp_path) as (log, tail, news):
        read = log.read
        failures: list[object] = []

        async def broken_once(**arguments: object) -> Page:
            if not failures:
                failures.append(None)
                raise RuntimeError("cannot switch to state 12")
            failures.append(tail.failure)
            return await read(**arguments)  # type: ignore[arg-type] # passed on as they came

        monkeypatch.setattr(log, "read", broken_once)
        with tail.needed(), capture_logs() as logged:
            async with asyncio.timeout(30):
                while tail.failure is None:
                    await news.wait()
                    news.clear()
            # It begins at the end, wherever that is by then; what comes after is read.
            for _ in range(2):
                await log.append(new_opens(3))
                await until_read_to(tail, log, news)

    assert isinstance(failures[1], LogUnavailable)
    assert tail.failure is None
    assert [each["error"] for each in logged if "task" in each] == ["RuntimeError"]
