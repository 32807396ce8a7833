"""Statistics on a page, of a real log behind a real service."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from pixel_service.page.spans import SPANS
from pixel_service.page.views.configurations import show_configuration, show_configurations
from pixel_service.page.visit import Visit
from tests.page.markup import HOSTILE, parsed, text_of, what_runs
from tests.pixel.open_log.statistics_values import count_all, counted_open, tracked
from tests.pixel.service_values import StreamService, a_log, streaming


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[StreamService]:
    async with a_log(tmp_path) as log, streaming(log) as running:
        yield running


@pytest.fixture
async def visit(service: StreamService) -> AsyncIterator[Visit]:
    async with grpc.aio.insecure_channel(service.address) as channel:
        yield Visit(channel=channel)


async def count(
    service: StreamService, *, messages: int = 20, configuration_id: str = "news"
) -> None:
    """Record an open by a person of so many messages, just now, and count them."""
    now = dt.datetime.now(dt.UTC)
    opens = [
        counted_open(
            key=f"m{number}".encode(),
            configuration_id=configuration_id,
            time=now,
            tags={"campaign": [HOSTILE[:100]]},
        )
        for number in range(messages)
    ]
    await service.log.append(opens)
    await count_all(service.log)


@pytest.mark.parametrize("span", SPANS)
async def test_configuration_has_its_numbers_in_every_span(
    service: StreamService, visit: Visit, span: str
) -> None:
    """What was opened a moment ago is in the last interval, whatever it is broken down by."""
    await count(service)
    page = await show_configuration(visit, "news", span)
    text = text_of(page)

    assert "20 to 20 messages" in text
    assert "20 opens" in text
    assert "By mailbox provider" in text
    assert "gmail" in text.lower()
    assert what_runs(page) == []


async def test_messages_tracked_are_what_opens_are_of(service: StreamService, visit: Visit) -> None:
    """As soon as an injector service has said how many there were."""
    await count(service)
    hour = int(dt.datetime.now(dt.UTC).timestamp()) // 3600
    await service.log.statistics.set_tracked(tracked(50, first_hour=hour))
    text = text_of(await show_configuration(visit, "news", "month"))

    assert "20 to 20 of 50 messages (40.0 % to 40.0 %)" in text


async def test_configuration_without_opens_is_a_page(visit: Visit) -> None:
    """A chart of nothing says so."""
    text = text_of(await show_configuration(visit, "news", "week"))

    assert "No opens." in text
    assert "Nothing is counted yet" in text


async def test_overview_leads_to_each_configuration(service: StreamService, visit: Visit) -> None:
    """Those with the most opens first; the span is kept."""
    await count(service, messages=30, configuration_id="more")
    await count(service, messages=20, configuration_id="less")
    page = await show_configurations(visit, "week")
    links = [each.get("href") for each in parsed(page).iter("a")]

    assert links[-2:] == ["/configurations/more?span=week", "/configurations/less?span=week"]
