"""Brings what was counted into the database, beside the rewriting."""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator
from typing import Final

import structlog

from injector_service.errors import StorageUnavailable
from injector_service.tracking.counter import TrackedCounter
from injector_service.tracking.store import TrackedStore
from injector_service.tracking.values import HOUR_US, HOURS_OF_DAY, TrackedKind
from service_runtime.background import kept_running
from service_runtime.outage import Outage
from service_runtime.times import now_us

# What a killed process takes along.
WRITE_SECONDS: Final = 1.0

# Written in a tenth of a second; the configurations' writers wait for as long.
MAX_BATCH: Final = 2_000

# As long as statistics keep hours, so that a collector that was away misses none.
KEPT_HOURS: Final = 35 * HOURS_OF_DAY

logger = structlog.get_logger()


class TrackedWriter:
    """Writes what a counter holds, now and then and at the end."""

    def __init__(self, counter: TrackedCounter, store: TrackedStore) -> None:
        self._counter = counter
        self._store = store
        self._writer_id = secrets.token_hex(8)
        self._batch: dict[TrackedKind, int] = {}
        self._number = 1
        self._removed_hour = 0
        self._ending = asyncio.Event()
        self._ended = asyncio.Event()
        self._outage = Outage("tracked messages not counted", "tracked messages counted again")
        self.written_until_us = now_us()
        """What was counted before is in the database."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write while the block runs, and what is left when it ends."""
        async with kept_running("tracked messages", self._write_often):
            try:
                yield
            finally:
                # Not cancelled, because a write that is on its way would be done twice.
                self._ending.set()
                await self._ended.wait()
        if self._batch or not self._counter.is_empty:
            logger.error("tracked messages lost", reason=StorageUnavailable.reason)

    async def _write_often(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), WRITE_SECONDS)
            await self.write()
        self._ended.set()

    async def write(self) -> None:
        """Write everything that was counted by now; leave it in memory if that fails."""
        until = now_us()
        await self._counter.collect()
        if self._counter.uncounted:
            logger.error("too many tracked messages wait", uncounted=self._counter.uncounted)
            self._counter.uncounted = 0
        hour = until // HOUR_US
        try:
            while self._take():
                await self._store.add(
                    self._batch, writer_id=self._writer_id, batch=self._number, hour=hour
                )
                self._batch = {}
                self._number += 1
            if hour != self._removed_hour:
                await self._store.remove_before(hour - KEPT_HOURS)
                self._removed_hour = hour
        except StorageUnavailable as error:
            self._outage.failed(reason=error.reason)
            return
        self._outage.worked()
        self.written_until_us = until

    def _take(self) -> bool:
        """Fill the batch, unless one is left that may have been written: it stays as it is."""
        if not self._batch:
            waiting = self._counter.waiting
            for kind in list(itertools.islice(waiting, MAX_BATCH)):
                self._batch[kind] = waiting.pop(kind)
        return bool(self._batch)
