"""Retention: opens go when they are too old, and whom that concerns is told before."""

import datetime as dt

from pixel_service.openlog import OpenLog
from pixel_service.ownership import running
from pixel_service.retention import subscriptions_before, trim_regularly
from tests.pixel.log_values import new_opens, read_all


async def test_a_log_is_trimmed_again_and_again(log: OpenLog) -> None:
    """While the task runs, what has become too old is removed."""
    interval = dt.timedelta(milliseconds=1)
    async with running(trim_regularly(log, retention=dt.timedelta(0), interval=interval)):
        for _ in range(3):
            await log.append(new_opens(2))
            while (await log.stats()).entries:
                pass

    assert await log.earliest() == await log.head()


async def test_who_would_lose_opens_is_known_before(log: OpenLog) -> None:
    """Before trimming, those who would fall behind are named, and no one else."""
    await log.append(new_opens(4))
    places = [entry.position for entry in await read_all(log)]
    await log.subscriptions.create_subscription("slow", start=places[0])
    await log.subscriptions.create_subscription("current", start=places[2])

    assert await subscriptions_before(log, places[2]) == ["slow"]
    assert await subscriptions_before(log, await log.head()) == ["current", "slow"]
    await log.trim(older_than=dt.timedelta(0))
    assert await subscriptions_before(log, await log.head()) == []
