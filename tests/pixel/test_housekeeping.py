"""The service removes old opens, and names the subscriptions that lose by it, before and after."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path

import structlog

from pixel_service.housekeeping import Housekeeping
from pixel_service.open_log import OpenLog
from pixel_service.settings import Settings
from service_runtime.background import kept_running
from tests.pixel.open_log.log_values import LogHome, event_ids, new_open, new_opens, read_all

DAY_US = 86_400_000_000


def housekeeping(log: OpenLog, *, max_log_octets: int | None = None) -> Housekeeping:
    """Return the housekeeping of a service that was told nothing about age."""
    defaults = Settings()
    return Housekeeping(
        open_log=log,
        retention=defaults.retention,
        statistics_retention=defaults.statistics_retention,
        max_log_octets=max_log_octets,
    )


def make_older(folder: Path, days: dict[int, int]) -> None:
    """Let opens, by sequence number, have been recorded *days* ago."""
    with contextlib.closing(sqlite3.connect(folder / "opens.db")) as connection, connection:
        for sequence, age in days.items():
            connection.execute(
                "UPDATE opens SET recorded_us = ? WHERE sequence = ?",
                (time.time_ns() // 1_000 - age * DAY_US, sequence),
            )


async def test_opens_older_than_90_days_are_removed_and_losers_named(tmp_path: Path) -> None:
    """Nine days before it loses anything a subscription is named, and again when it has."""
    async with LogHome(url=f"sqlite:///{tmp_path}/opens.db").connect() as log:
        opens = new_opens(4)
        await log.append(opens)
        make_older(tmp_path, {1: 100, 2: 85, 3: 5})
        positions = [entry.position for entry in await read_all(log)]
        starts = {"lost": await log.earliest(), "soon": positions[0], "well": positions[1]}
        for id_, start in starts.items():
            await log.subscriptions.create_subscription(id_, start=start)
        with structlog.testing.capture_logs() as logs:
            await housekeeping(log).trim_once()
        left = event_ids(await read_all(log, after=await log.earliest()))
        behind = {
            each.id: each.fell_behind
            for each in await log.subscriptions.list_subscriptions(after_id="", limit=9)
        }

    assert left == event_ids(opens[1:])
    assert behind == {"lost": True, "soon": False, "well": False}
    said = [(entry["event"], entry.get("subscription_id", "")) for entry in logs]
    assert said == [
        ("subscription will lose opens", "lost"),
        ("subscription will lose opens", "soon"),
        ("log trimmed", ""),
        ("subscription lost opens", "lost"),
    ]


async def test_subscription_that_will_lose_opens_is_named_once(tmp_path: Path) -> None:
    """Not at every round, until it has caught up and falls behind again."""
    async with LogHome(url=f"sqlite:///{tmp_path}/opens.db").connect() as log:
        await log.append(new_opens(2))
        make_older(tmp_path, {1: 85})
        await log.subscriptions.create_subscription("crm", start=await log.earliest())
        keeping = housekeeping(log)
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                await keeping.trim_once()
            await log.subscriptions.seek_subscription("crm", to=await log.head())
            await keeping.trim_once()
            await log.subscriptions.seek_subscription("crm", to=await log.earliest())
            await keeping.trim_once()

    assert [each["event"] for each in logs] == ["subscription will lose opens"] * 2


async def test_what_waits_to_be_counted_is_measured(tmp_path: Path) -> None:
    """It is a metric: where it only grows, statistics are not kept up."""
    async with LogHome(url=f"sqlite:///{tmp_path}/opens.db").connect() as log:
        await log.append(new_opens(3))
        await log.statistics.count_step(max_entries=1)
        keeping = housekeeping(log)
        async with kept_running("test", keeping.measure):
            while not keeping.uncounted:  # noqa: ASYNC110 - only looking tells
                await asyncio.sleep(0.01)

    assert keeping.uncounted == 2


async def test_the_oldest_opens_beyond_a_size_are_removed(tmp_path: Path) -> None:
    """However young they are."""
    async with LogHome(url=f"sqlite:///{tmp_path}/opens.db").connect() as log:
        for _ in range(10):
            await log.append([new_open(notification=b"x" * 1_000) for _ in range(500)])
        before = await read_all(log)
        await housekeeping(log, max_log_octets=3_000_000).trim_once()
        left = await read_all(log, after=await log.earliest(), max_octets=10**9)
        octets = (await log.stats()).octets

    assert 0 < len(left) < len(before)
    assert left == before[-len(left) :]
    assert octets <= 3_000_000
