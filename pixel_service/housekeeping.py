"""Removes old opens and counts, and watches subscriptions and webhooks for falling behind."""

import asyncio
import dataclasses
import datetime as dt
import random
from collections.abc import AsyncIterator, Sequence
from typing import Final

import structlog

from pixel_service.errors import PixelError
from pixel_service.open_log import MAX_WEBHOOKS, OpenLog, Subscription, Trimmed, Webhook
from service_runtime.outage import Outage

# Each time costs a few queries; what it removes is at most an hour too old.
_INTERVAL: Final = dt.timedelta(minutes=10)

# How long before retention takes what was not acknowledged or delivered, as a
# share of the retention: nine days of ninety.
_WARNING_SHARE: Final = 0.1

_PAGE: Final = 500

# Lags are a metric; a scrape every 15 s is usual.
_LAG_INTERVAL: Final = dt.timedelta(seconds=15)

logger = structlog.get_logger()


@dataclasses.dataclass(slots=True, kw_only=True)
class Housekeeping:
    """What runs beside the service, for as long as it runs."""

    open_log: OpenLog
    retention: dt.timedelta
    statistics_retention: dt.timedelta
    max_log_octets: int | None
    uncounted: int = 0
    """Opens that wait to be counted for statistics, as of a few seconds ago."""
    subscriptions: Sequence[Subscription] = ()
    """All of the log; as of a few seconds ago."""
    webhooks: Sequence[Webhook] = ()
    """All of the log; as of a few seconds ago."""
    _warned: dict[str, set[str]] = dataclasses.field(default_factory=dict, init=False)
    """Who was named, by kind."""

    async def trim(self) -> None:
        """Remove what is too old or too much, again and again."""
        outage = Outage("log not trimmed", "log trimmed again")
        while True:
            # Drawn, so that the processes of one service take turns.
            await asyncio.sleep(random.uniform(0.1, 1) * _INTERVAL.total_seconds())  # noqa: S311 - no secret depends on it
            try:
                await self.trim_once()
                outage.worked()
            except PixelError as error:
                outage.failed(error=type(error).__name__)

    async def trim_once(self) -> None:
        """Remove what is too old or too much; name those who lose by it, and soon.

        Raises:
            LogUnavailable: the log does not answer.
        """
        await self._warn()
        trimmed = Trimmed()
        async for so_far in self.open_log.trim(
            older_than=self.retention, max_octets=self.max_log_octets
        ):
            trimmed = so_far
        if trimmed.entries:
            logger.info("log trimmed", opens=trimmed.entries)
        for subscription_id in trimmed.subscriptions_behind:
            logger.warning("subscription lost opens", subscription_id=subscription_id)
        async for _ in self.open_log.statistics.trim(
            now=dt.datetime.now(dt.UTC), older_than=self.statistics_retention
        ):
            pass

    async def _warn(self) -> None:
        """Name those who will lose opens soon; each once, until it has caught up."""
        soon = dt.datetime.now(dt.UTC) - self.retention * (1 - _WARNING_SHARE)
        limit = await self.open_log.position_at(soon)
        subscriptions = {
            each.id
            async for each in self._subscriptions()
            if each.acknowledged < limit and not each.fell_behind
        }
        webhooks = {
            each.id
            for each in await self._all_webhooks()
            if each.delivered < limit and not each.fell_behind
        }
        self._warn_of("subscription", subscriptions)
        self._warn_of("webhook", webhooks)

    def _warn_of(self, kind: str, behind: set[str]) -> None:
        event = f"{kind} will lose opens"
        for each_id in sorted(behind - self._warned.get(kind, set())):
            logger.warning(event, **{f"{kind}_id": each_id})
        self._warned[kind] = behind

    async def measure(self) -> None:
        """Keep `uncounted`, `subscriptions` and `webhooks` up to date."""
        outage = Outage("lags not measured", "lags measured again")
        while True:
            try:
                counted = await self.open_log.statistics.counted()
                self.uncounted = await self.open_log.lag(counted)
                self.subscriptions = [each async for each in self._subscriptions()]
                self.webhooks = await self._all_webhooks()
                outage.worked()
            except PixelError as error:
                outage.failed(error=type(error).__name__)
            await asyncio.sleep(_LAG_INTERVAL.total_seconds())

    async def _all_webhooks(self) -> Sequence[Webhook]:
        return await self.open_log.webhooks.page(after_id="", limit=MAX_WEBHOOKS)

    async def _subscriptions(self) -> AsyncIterator[Subscription]:
        after_id = ""
        while True:
            page = await self.open_log.subscriptions.list_subscriptions(
                after_id=after_id, limit=_PAGE
            )
            for subscription in page:
                yield subscription
            if len(page) < _PAGE:
                return
            after_id = page[-1].id
