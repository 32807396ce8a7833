"""Deliveries read the log without being in anybody's way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from pixel_service.open_log import BEGINNING, OpenLog, Page, Position
from pixel_service.streaming import Selection, following
from pixel_service.webhooks.reading import Reader
from tests.pixel.open_log.log_values import new_open
from tests.pixel.service_values import a_log

EVERYTHING = Selection()
NEWS = Selection(configuration_ids=frozenset({"news"}))
NOTHING = Selection(configuration_ids=frozenset({"no such"}))


class WatchedLog:
    """Passes readings on to a real log, and counts them."""

    def __init__(self, log: OpenLog) -> None:
        self._log = log
        self._at_once = 0
        self.most_at_once = 0
        self.readings = 0

    async def read(self, *, after: Position, max_entries: int, max_octets: int) -> Page:
        self.readings += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._log.read(after=after, max_entries=max_entries, max_octets=max_octets)
        finally:
            self._at_once -= 1


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[OpenLog]:
    async with a_log(tmp_path) as log:
        yield log


@contextlib.asynccontextmanager
async def reading(log: OpenLog) -> AsyncIterator[tuple[Reader, WatchedLog]]:
    """Yield a reader of *log*, whose memory begins at its end, and what watches it."""
    watched = WatchedLog(log)
    async with following(log, on_news=lambda: None) as tail:
        yield Reader(cast("OpenLog", watched), tail), watched


async def pass_over(reader: Reader, selection: Selection) -> None:
    """Read to the end of the log."""
    page = Page(entries=[], after=BEGINNING, at_head=False)
    while not page.at_head:
        page = await reader.read(after=page.after, selection=selection, from_log=False)


async def test_those_that_are_far_behind_take_turns(log: OpenLog) -> None:
    """Many webhooks that select little read as one would, however long the log is."""
    await log.append([new_open(f"{number}:0") for number in range(1_000)])
    async with reading(log) as (reader, watched):
        await asyncio.gather(*(pass_over(reader, NOTHING) for _ in range(20)))

    assert watched.most_at_once == 1
    assert watched.readings >= 20


@pytest.mark.parametrize("selection", [EVERYTHING, NEWS])
async def test_little_is_held_at_once(log: OpenLog, selection: Selection) -> None:
    """Whatever is looked at, what waits to be delivered is bounded, and nothing is left out."""
    sent = [f"{number:03}:0" for number in range(300)]
    await log.append([new_open(each, configuration_id="news") for each in sent])
    held: list[int] = []
    read: list[bytes] = []
    async with reading(log) as (reader, _):
        page = Page(entries=[], after=BEGINNING, at_head=False)
        while not page.at_head:
            page = await reader.read(after=page.after, selection=selection, from_log=False)
            held.append(len(page.entries))
            read += [entry.notification for entry in page.entries]

    assert max(held) <= 64
    assert len(read) == len(set(read)) == len(sent)


async def test_end_lets_everybody_go_who_waits(log: OpenLog) -> None:
    """A process that stops reads nothing more for those that are far behind."""
    await log.append([new_open("a:0")])
    async with reading(log) as (reader, watched):
        reader.end()
        page = await reader.read(after=BEGINNING, selection=EVERYTHING, from_log=True)

    assert (page.entries, page.after, page.at_head) == ([], BEGINNING, False)
    assert watched.readings == 0
