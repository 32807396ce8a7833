"""A service with a page to look at: with many opens, and one that was really sent and opened."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import grpc
import pytest

from emailopens_client import ApiKeyFile, LogEnd, OpenStream
from examples.demo import CONFIGURATION_ID, NEWSLETTER, PERSON, create_configuration, fetch, rewrite
from examples.pair import (
    HOST,
    Pair,
    free_ports,
    page_options,
    pair_on_free_ports,
    running_pair,
    wait_for_page,
)
from examples.pixel_url import pixel_url_of
from pixel_service.open_log import BEGINNING, OpenLog, OpenRecord, WebhookState
from pixel_service.open_log.sqlite import recording_time
from pixel_service.settings import default_log_url
from service_runtime.callers import Role
from service_runtime.times import now_us
from tests.browser.page_opens import opens
from tests.fixtures.api_keys import a_key
from tests.pixel.open_log.webhook_values import new_webhook
from tests.pixel.service_values import log_at

OPENS: Final = 100_000

# The others were recorded earlier: of some 15 minutes *Now* begins with no more than 20,000.
RECORDED_JUST_NOW: Final = 15_000
EARLIER: Final = dt.timedelta(days=1)
APPENDED_AT_ONCE: Final = 1_000
MICROSECOND: Final = dt.timedelta(microseconds=1)
CONFIGURATIONS: Final = [f"campaign-{number}" for number in range(200)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A page, and the key that one logs in with."""

    url: str
    key: str
    pixel: str
    """The URL of the pixel of a message that was really sent."""


async def fill(data: Path) -> None:
    """Fill the log of a service that does not run yet, and count what is in it."""
    every = list(opens(OPENS, CONFIGURATIONS, days=20, now=dt.datetime.now(dt.UTC)))
    async with log_at(default_log_url(data)) as log:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recording_time, "now_us", lambda: now_us() - EARLIER // MICROSECOND)
            await append(log, every[:-RECORDED_JUST_NOW])
        await append(log, every[-RECORDED_JUST_NOW:])
        while await log.statistics.count_step():
            pass
        await add_webhooks(log, skipped=every[0].event_id)
        await add_subscriptions(log)


async def append(log: OpenLog, records: Sequence[OpenRecord]) -> None:
    """Append *records*, as many at once as the service would."""
    for first in range(0, len(records), APPENDED_AT_ONCE):
        await log.append(records[first : first + APPENDED_AT_ONCE])


async def add_webhooks(log: OpenLog, *, skipped: str) -> None:
    """Add one whose receiver is gone and has not taken *skipped*, and one that fails."""
    await log.webhooks.create(new_webhook("gone"))
    (leased,) = await log.webhooks.lease("test", length=dt.timedelta(minutes=1))
    page = await log.read(after=BEGINNING, max_entries=1, max_octets=1)
    await log.webhooks.skip(
        leased,
        "test",
        event_id=skipped,
        before=BEGINNING,
        up_to=page.after,
        error="answered 422",
    )
    await log.webhooks.paused(leased, "test", state=WebhookState.PAUSED_GONE, error="answered 410")
    await log.webhooks.create(new_webhook("failing"))


async def add_subscriptions(log: OpenLog) -> None:
    """Add one that was never streamed, one whose client was too slow, and one that is paused."""
    ends = {"crm": None, "billing": "CONSUMER_STALLED", "warehouse-import": "SUBSCRIPTION_PAUSED"}
    for subscription_id, reason in ends.items():
        await log.subscriptions.create_subscription(subscription_id, start=BEGINNING)
        if reason is not None:
            session = await log.subscriptions.begin_session(
                subscription_id, consumer_name="importer"
            )
            log.subscriptions.end_session(session, code="ABORTED", reason=reason)
    await log.subscriptions.pause_subscription("warehouse-import")


async def send_and_open(pair: Pair, key: Path) -> str:
    """Have a message rewritten, and fetch its pixel, until the open is recorded; return its URL."""
    async with grpc.aio.insecure_channel(pair.injector) as injector:
        await create_configuration(injector)
        url = pixel_url_of(await rewrite(injector, NEWSLETTER.read_bytes()))
    async with OpenStream(
        pair.pixel,
        # It is called when the first open is waited for, by when this one may be recorded.
        position=LogEnd.EARLIEST,
        configuration_ids=[CONFIGURATION_ID],
        api_key=ApiKeyFile(key),
    ) as stream:
        await fetch(url, PERSON)
        await anext(aiter(stream))
    return url


@contextlib.asynccontextmanager
async def serving(data: Path) -> AsyncIterator[Served]:
    """Serve what `fill` has made, and a message that was really sent and opened."""
    await fill(data)
    _, key = a_key(data / "keys", Role.ADMIN)
    (data / "key").write_text(key)
    page = f"{HOST}:{free_ports(1)}"
    pair = pair_on_free_ports()
    options = [
        *page_options(pair, page),
        f"--api-keys={data / 'keys'}",
        # As the demo has it: the address is what the proxy says.
        "--trusted-proxies=127.0.0.1",
    ]
    with (
        (data / "log").open("wb") as output,
        running_pair(pair, data=data, log=output, more_pixel_options=options),
    ):
        pixel = await send_and_open(pair, data / "key")
        await asyncio.to_thread(wait_for_page, page)
        yield Served(url=f"http://{page}", key=key, pixel=pixel)
