"""The webhooks that a caller may see: to it, there are no others."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from pixel_service.errors import WebhookNotFound
from pixel_service.open_log import MAX_WEBHOOKS, Position, SkippedEvent, Webhook, WebhookStore
from service_runtime.callers import Caller, current_caller


def own_webhooks(store: WebhookStore) -> "OwnWebhooks":
    """Return those of *store* that the caller of the call that runs may see."""
    return OwnWebhooks(store, current_caller())


class OwnWebhooks:
    """Does what a `WebhookStore` does with the caller's own; raises what that raises.

    A webhook is the caller's own if all that it selects is; one that selects everything
    is not that of a limited caller.  Others' are `WebhookNotFound`; but an ID is taken
    whoever has it.
    """

    def __init__(self, store: WebhookStore, caller: Caller) -> None:
        self._store = store
        self._caller = caller

    async def create(self, webhook: Webhook, *, start: Position) -> Webhook:
        """Create *webhook* at *start*; to all that is the caller's if it names nothing.

        Raises:
            ConfigurationNotAllowed: it names another's configuration.
        """
        wanted = self._caller.narrowed(frozenset(webhook.configuration_ids))
        return await self._store.create(
            dataclasses.replace(webhook, delivered=start, configuration_ids=tuple(sorted(wanted)))
        )

    async def get(self, webhook_id: str) -> Webhook:
        """Return a webhook."""
        found = await self._store.get(webhook_id)
        if not self._is_own(found):
            raise WebhookNotFound(webhook_id)
        return found

    async def page(self, *, after_id: str, limit: int) -> Sequence[Webhook]:
        """Return up to *limit* webhooks whose ID sorts after *after_id*, by ID."""
        is_limited = bool(self._caller.configuration_ids)
        found = await self._store.page(
            after_id=after_id, limit=MAX_WEBHOOKS if is_limited else limit
        )
        return list(filter(self._is_own, found))[:limit]

    async def pause(self, webhook_id: str) -> Webhook:
        """Pause a webhook."""
        await self._require_own(webhook_id)
        return await self._store.pause(webhook_id)

    async def resume(self, webhook_id: str) -> Webhook:
        """Make a webhook active."""
        await self._require_own(webhook_id)
        return await self._store.resume(webhook_id)

    async def replay(self, webhook_id: str, *, to: Position) -> Webhook:
        """Move a webhook."""
        await self._require_own(webhook_id)
        return await self._store.replay(webhook_id, to=to)

    async def rotate(self, webhook_id: str, secret: str, *, overlap: dt.timedelta) -> Webhook:
        """Give a webhook another secret."""
        await self._require_own(webhook_id)
        return await self._store.rotate(webhook_id, secret, overlap=overlap)

    async def delete(self, webhook_id: str) -> None:
        """Delete a webhook."""
        await self._require_own(webhook_id)
        await self._store.delete(webhook_id)

    async def skipped(
        self, webhook_id: str, *, below: int | None, limit: int
    ) -> Sequence[tuple[int, SkippedEvent]]:
        """Return what a webhook has skipped."""
        await self._require_own(webhook_id)
        return await self._store.skipped(webhook_id, below=below, limit=limit)

    async def _require_own(self, webhook_id: str) -> None:
        # Everything is an unlimited caller's: it waits for no look at what it is.
        if self._caller.configuration_ids:
            await self.get(webhook_id)

    def _is_own(self, webhook: Webhook) -> bool:
        return self._caller.may_use_all(frozenset(webhook.configuration_ids))
