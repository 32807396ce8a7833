"""Published ranges are fetched every day, and what fails is tried again sooner."""

import datetime as dt
from pathlib import Path

import structlog
from prometheus_client.registry import Collector

from pixel_service.evidence import store_ranges
from pixel_service.range_updates import RangeRefreshing
from tests.fixtures.list_server import APPLE, Answer, ListServer
from tests.pixel.evidence.test_ranges import set_of
from tests.pixel.range_updates.test_updating import catalogue, stored

DAY = 86_400
CATALOGUE = """
[[ranges]]
name = "good"
lists = [{ url = "HOST/good", format = "csv" }]

[[ranges]]
name = "other"
lists = [{ url = "HOST/other", format = "csv" }]

[[ranges]]
name = "systems"
systems = [64500]
"""


def outcomes(collector: Collector) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["ranges"], sample.labels["outcome"]): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


async def test_everything_is_fetched_and_not_again_the_same_day(
    lists: ListServer, folder: Path
) -> None:
    """A start of the service fetches what is missing, and the next nothing."""
    catalogue(folder, lists, CATALOGUE)
    lists.answers |= {"/good": Answer(APPLE), "/other": Answer(APPLE)}
    refreshing = RangeRefreshing(folder, database=None)

    waits = [
        await refreshing.refresh_due(),
        await RangeRefreshing(folder, database=None).refresh_due(),
    ]

    assert lists.asked == ["/good", "/other"]
    assert len(stored(folder, "good")) == len(stored(folder, "other")) == 3
    assert all(0.99 * DAY < each <= 1.2 * DAY for each in waits)
    assert outcomes(refreshing) == {
        ("good", "updated"): 1,
        ("other", "updated"): 1,
        ("systems", "skipped"): 1,
    }


async def test_ranges_of_yesterday_are_fetched(lists: ListServer, folder: Path) -> None:
    """So are those that a clock which was ahead has dated tomorrow; the others wait their turn."""
    catalogue(folder, lists, CATALOGUE)
    lists.answers |= {"/good": Answer(APPLE), "/other": Answer(APPLE)}
    now = dt.datetime.now(dt.UTC)
    for name, age in (("good", dt.timedelta(days=1)), ("other", dt.timedelta(hours=20))):
        addresses = set_of("192.0.2.0/31")
        store_ranges(folder, name, addresses, origin="a test", now=now - age)

    wait = await RangeRefreshing(folder, database=None).refresh_due()

    assert lists.asked == ["/good"]
    assert 3 * 3_600 < wait < 5 * 3_600
    store_ranges(
        folder, "other", set_of("192.0.2.0/31"), origin="a test", now=now + dt.timedelta(hours=2)
    )
    await RangeRefreshing(folder, database=None).refresh_due()
    assert lists.asked == ["/good", "/other"]


async def test_what_fails_is_tried_again_with_growing_waits(
    lists: ListServer, folder: Path
) -> None:
    """The good ones are fetched once; the bad one is said, counted, and good at last."""
    catalogue(folder, lists, CATALOGUE)
    lists.answers |= {"/good": Answer(APPLE)}
    refreshing = RangeRefreshing(folder, database=None)
    with structlog.testing.capture_logs() as logs:
        waits = [await refreshing.refresh_due() for _ in range(9)]
    lists.answers["/other"] = Answer(APPLE)
    at_last = await refreshing.refresh_due()

    assert lists.asked == ["/good", *["/other"] * 10]
    assert 150 <= waits[0] <= 300
    assert 3 * 3_600 <= waits[-1] <= 6 * 3_600
    assert at_last > 0.99 * DAY
    warnings = [each for each in logs if each["log_level"] == "warning"]
    assert len(warnings) == 9
    assert (warnings[0]["ranges"], warnings[0]["reason"]) == (
        "other",
        f"{lists.url}/other: answered 404",
    )
    assert outcomes(refreshing)["other", "kept"] == 9


async def test_a_catalogue_that_cannot_be_used_is_said(lists: ListServer, folder: Path) -> None:
    """An operator mends the file, and the service needs no restart for it."""
    catalogue(folder, lists, "nonsense")
    with structlog.testing.capture_logs() as logs:
        wait = await RangeRefreshing(folder, database=None).refresh_due()

    assert [each["event"] for each in logs] == ["address ranges are not refreshed"]
    assert "is not TOML" in logs[0]["reason"]
    assert wait <= 300
