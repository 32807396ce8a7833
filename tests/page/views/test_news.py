"""What is new of a feed, for viewers who have seen different parts of it."""

import re
from pathlib import Path

import grpc
import pytest

from pixel_service.page.live import LAST_OPENS, Feeds
from pixel_service.page.views import now_pages
from pixel_service.page.views.news import News
from pixel_service.page.visit import Visit
from tests.pixel.journal.disks import until
from tests.pixel.open_log.log_values import an_open_of
from tests.pixel.service_values import a_log, streaming

OPENS = LAST_OPENS + 5


async def test_slow_viewers_are_brought_up_to_date_without_drawing_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gets what they have not seen, and all the same chart, however far behind they are."""
    charts = []

    def counting(*arguments: object) -> object:
        charts.append(rate(*arguments))  # type: ignore[arg-type] # whatever it is given
        return charts[-1]

    rate = now_pages.rate
    monkeypatch.setattr(now_pages, "rate", counting)
    feeds, news = Feeds(), News()
    async with (
        a_log(tmp_path) as log,
        streaming(log) as service,
        grpc.aio.insecure_channel(service.address) as channel,
    ):
        await log.append([an_open_of(f"m{number}") for number in range(OPENS)])
        feed = feeds.feed_of(Visit(channel=channel))
        await until(lambda: feed.recent.added == OPENS)
        events = [news.of(feed, seen=seen).decode() for seen in range(OPENS + 1)]
        await feeds.close()

    rows = [each.partition("event: rate")[0] for each in events]
    assert [each.startswith("event: all\n") for each in rows] == [True] + OPENS * [False]
    assert [each.count("<tr>") for each in rows] == [
        min(OPENS - seen, LAST_OPENS) for seen in range(OPENS + 1)
    ]
    assert "/messages/m24" in rows[OPENS - 1]
    assert not re.search("/messages/m2[0-3]", rows[OPENS - 1])
    # Once more if the minute has ended meanwhile.
    assert len(charts) in {1, 2}
