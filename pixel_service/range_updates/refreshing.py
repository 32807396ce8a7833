"""Fetches published address ranges again and again."""

import asyncio
import collections
import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from pixel_service.evidence import RangesInvalid, load_stored
from pixel_service.range_updates.catalogue import PublishedRanges, load_catalogue
from pixel_service.range_updates.updating import Outcome, update
from service_runtime.backoff import Backoff

# Vendors change their lists weekly or less often.
_INTERVAL: Final = dt.timedelta(days=1)

# Drawn up to this much longer, so that many machines do not ask together.
_JITTER: Final = 0.2

# Between attempts at what could not be fetched.
_SHORTEST_RETRY: Final = dt.timedelta(minutes=5)
_LONGEST_RETRY: Final = dt.timedelta(hours=6)

logger = structlog.get_logger()


class RangeRefreshing(Collector):
    """Keeps the ranges in a folder fresh; as a collector, what came of it."""

    def __init__(self, folder: Path, *, database: Path | None) -> None:
        self._folder = folder
        self._database = database
        self._outcomes = collections.Counter[tuple[str, Outcome]]()
        self._backoff = Backoff(
            shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY, healthy=2 * _LONGEST_RETRY
        )

    async def refresh(self) -> None:
        """Fetch what is due, for ever."""
        while True:
            seconds = await self.refresh_due()
            await asyncio.sleep(seconds)

    async def refresh_due(self) -> float:
        """Fetch what is due once; return in how many seconds to do that again."""
        try:
            catalogue = await asyncio.to_thread(load_catalogue, self._folder)
        except RangesInvalid as error:
            logger.error("address ranges are not refreshed", reason=str(error))  # noqa: TRY400 - an operator's file
            return self._backoff.next_seconds()
        all_good, seconds = True, _INTERVAL.total_seconds()
        for each in catalogue.values():
            left = await asyncio.to_thread(self._seconds_left, each)
            if left <= 0:
                all_good &= await self._refresh(each)
            else:
                seconds = min(seconds, left)
        if not all_good:
            return self._backoff.next_seconds()
        self._backoff.reset()
        return seconds * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret depends on it

    async def _refresh(self, published: PublishedRanges) -> bool:
        found = await update(published, self._folder, database=self._database)
        self._outcomes[found.name, found.outcome] += 1
        if found.outcome is Outcome.KEPT:
            logger.warning(
                "address ranges not refreshed, those from before stay",
                ranges=found.name,
                reason=found.reason,
            )
            return False
        if found.outcome is Outcome.UPDATED:
            logger.info("address ranges refreshed", ranges=found.name, networks=found.networks)
        return True

    def _seconds_left(self, published: PublishedRanges) -> float:
        """Return in how many seconds ranges are due: a start of the service fetches none anew."""
        try:
            stored = load_stored(self._folder, published.name)
        except RangesInvalid:
            return 0
        age = dt.datetime.now(dt.UTC) - stored.as_of if stored else _INTERVAL
        # The clock may have been ahead when they were fetched.
        return 0 if age < dt.timedelta() else (_INTERVAL - age).total_seconds()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        outcomes = CounterMetricFamily(
            "address_ranges_refreshes",
            "Attempts to fetch published address ranges.",
            labels=["ranges", "outcome"],
        )
        for (name, outcome), count in sorted(self._outcomes.items(), key=str):
            outcomes.add_metric([name, outcome.value], count)
        yield outcomes
