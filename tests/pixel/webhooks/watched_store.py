"""The store of a real log, which a test can wait for, and can take away."""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import OpenLog, Position, SkippedEvent, Webhook
from pixel_service.webhooks import Deliveries


class WatchedStore:
    """Passes on what a delivery writes; each write may be waited for, or fail before it."""

    def __init__(self, log: OpenLog) -> None:
        self._store = log.webhooks
        self._log = log
        self.writes_that_fail = 0
        self.has_failed = asyncio.Event()
        self._written = asyncio.Condition()
        self._looks = 0
        self.writes = 0
        self.was_released = asyncio.Event()

    async def until(self, holds: Callable[[Webhook], bool], *webhook_ids: str) -> None:
        """Wait until *holds* of each webhook, which are asked after each write."""
        async with self._written:
            while not all([holds(await self._store.get(each)) for each in webhook_ids or ["crm"]]):
                await self._written.wait()

    async def until_at_end(self, *webhook_ids: str) -> None:
        """Wait until the log as it is now is delivered."""
        head = await self._log.head()
        await self.until(lambda webhook: webhook.delivered >= head, *webhook_ids)

    async def skipped(self) -> list[SkippedEvent]:
        """Return what the webhook `crm` has skipped."""
        page = await self._store.skipped("crm", below=None, limit=10)
        return [event for _, event in page]

    async def lease(self, owner: str, *, length: dt.timedelta) -> Sequence[Webhook]:
        leased = await self._store.lease(owner, length=length)
        async with self._written:
            self._looks += 1
            self._written.notify_all()
        return leased

    async def looked_at(self, deliveries: Deliveries) -> None:
        """Wait until what runs was compared with the webhooks as they are now."""
        # The look that is under way may be from before.
        for _ in range(2):
            async with self._written:
                wanted = self._looks + 1
                deliveries.webhooks_have_changed()
                await self._written.wait_for(lambda: self._looks >= wanted)  # noqa: B023 - waited for here

    async def release(self, owner: str) -> None:
        await self._store.release(owner)
        self.was_released.set()

    async def _write(self, name: str, *arguments: Any, **values: Any) -> None:  # noqa: ANN401 - passed on
        if self.writes_that_fail:
            self.writes_that_fail -= 1
            self.has_failed.set()
            raise LogUnavailable
        await getattr(self._store, name)(*arguments, **values)
        self.writes += 1
        async with self._written:
            self._written.notify_all()

    async def delivered(self, webhook: Webhook, owner: str, *, up_to: Position) -> None:
        await self._write("delivered", webhook, owner, up_to=up_to)

    async def passed_over(self, webhook: Webhook, owner: str, *, up_to: Position) -> None:
        await self._write("passed_over", webhook, owner, up_to=up_to)

    async def failed(self, webhook: Webhook, owner: str, **values: Any) -> None:  # noqa: ANN401 - passed on
        await self._write("failed", webhook, owner, **values)

    async def skip(self, webhook: Webhook, owner: str, **values: Any) -> None:  # noqa: ANN401 - passed on
        await self._write("skip", webhook, owner, **values)

    async def paused(self, webhook: Webhook, owner: str, **values: Any) -> None:  # noqa: ANN401 - passed on
        await self._write("paused", webhook, owner, **values)

    async def fell_behind(self, webhook: Webhook, owner: str, *, to: Position) -> None:
        await self._write("fell_behind", webhook, owner, to=to)
