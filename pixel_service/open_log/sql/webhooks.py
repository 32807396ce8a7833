"""Webhooks beside the opens, in the same database."""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from pixel_service.errors import WebhookExists, WebhookNotFound, WebhookQuota
from pixel_service.open_log.sql import webhook_statements as statements
from pixel_service.open_log.sql.subscriptions import Database
from pixel_service.open_log.sql.webhook_rows import from_row, skip_from_row, to_row
from pixel_service.open_log.values import Position
from pixel_service.open_log.webhooks import (
    MAX_WEBHOOKS,
    SkippedEvent,
    Webhook,
    WebhookLeaseLost,
    WebhookState,
)
from service_runtime.times import microseconds_of, now_us

_WORKED: Final[Mapping[str, Any]] = {**statements.DUE, "last_error": ""}


class SqlWebhooks:
    """The webhooks of a log, as `WebhookStore` promises them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, webhook: Webhook) -> Webhook:
        """Insert its row, if the log still has what follows its place."""
        await self._database.check(webhook.delivered)
        outcome = await self._database.execute(partial(statements.create, row=to_row(webhook)))
        if outcome == "taken":
            raise WebhookExists(webhook.id)
        if outcome == "full":
            raise WebhookQuota(max_webhooks=MAX_WEBHOOKS)
        return await self.get(webhook.id)

    async def get(self, webhook_id: str) -> Webhook:
        """Return a webhook, with what the log says of its lag."""
        row = await self._database.query(partial(statements.find, webhook_id=webhook_id))
        return await self._found(row, webhook_id)

    async def page(self, *, after_id: str, limit: int) -> Sequence[Webhook]:
        """Return a page of webhooks, by ID."""
        rows = await self._database.query(partial(statements.page, after_id=after_id, limit=limit))
        return [await self._from_row(row) for row in rows]

    async def pause(self, webhook_id: str) -> Webhook:
        """Pause one that is active."""
        row = await self._database.execute(partial(statements.pause, webhook_id=webhook_id))
        return await self._found(row, webhook_id)

    async def resume(self, webhook_id: str) -> Webhook:
        """Make it active, and its next attempt due."""
        return await self._change(webhook_id, state=WebhookState.ACTIVE, **statements.DUE)

    async def replay(self, webhook_id: str, *, to: Position) -> Webhook:
        """Move it, if the log still has what follows *to*."""
        await self._database.check(to)
        return await self._change(
            webhook_id, **_place(to), **statements.DUE, last_error="", fell_behind=False
        )

    async def rotate(self, webhook_id: str, secret: str, *, overlap: dt.timedelta) -> Webhook:
        """Put a secret before the others."""
        expire_us = now_us() + overlap // dt.timedelta(microseconds=1)
        row = await self._database.execute(
            partial(statements.rotate, webhook_id=webhook_id, secret=secret, expire_us=expire_us)
        )
        return await self._found(row, webhook_id)

    async def delete(self, webhook_id: str) -> None:
        """Delete its row and its list."""
        if not await self._database.execute(partial(statements.delete, webhook_id=webhook_id)):
            raise WebhookNotFound(webhook_id)

    async def skipped(
        self, webhook_id: str, *, below: int | None, limit: int
    ) -> Sequence[tuple[int, SkippedEvent]]:
        """Return a page of its list."""
        await self.get(webhook_id)
        rows = await self._database.query(
            partial(statements.skipped, webhook_id=webhook_id, below=below, limit=limit)
        )
        return [(row["number"], skip_from_row(row)) for row in rows]

    async def lease(self, owner: str, *, length: dt.timedelta) -> Sequence[Webhook]:
        """Take what nobody delivers, and keep what *owner* had."""
        length_us = length // dt.timedelta(microseconds=1)
        rows = await self._database.execute(
            partial(statements.lease, owner=owner, length_us=length_us)
        )
        return [from_row(row) for row in rows]

    async def release(self, owner: str) -> None:
        """End the leases of *owner*."""
        await self._database.execute(partial(statements.release, owner=owner))

    async def delivered(self, webhook: Webhook, owner: str, *, up_to: Position) -> None:
        """Move it, and note the success."""
        await self._write(webhook, owner, **_place(up_to), **_WORKED, last_success_us=now_us())

    async def passed_over(self, webhook: Webhook, owner: str, *, up_to: Position) -> None:
        """Move it: what has failed until now is not to be sent either."""
        await self._write(webhook, owner, **_place(up_to), **_WORKED)

    async def failed(
        self,
        webhook: Webhook,
        owner: str,
        *,
        error: str,
        attempts: int,
        next_attempt_time: dt.datetime,
    ) -> None:
        """Note a failure."""
        await self._write(
            webhook,
            owner,
            last_error=error,
            failed_attempts=attempts,
            next_attempt_us=microseconds_of(next_attempt_time),
        )

    async def skip(
        self,
        webhook: Webhook,
        owner: str,
        *,
        event_id: str,
        before: Position,
        up_to: Position,
        error: str,
    ) -> None:
        """Move it, and list the event, in one transaction."""
        skip = {
            "webhook_id": webhook.id,
            "event_id": event_id,
            "transaction_id": up_to.transaction,
            "sequence": up_to.sequence,
            "before_transaction": before.transaction,
            "before_sequence": before.sequence,
            "skip_us": now_us(),
            "error": error,
        }
        await self._write(webhook, owner, skip=skip, **_place(up_to), **_WORKED)

    async def paused(
        self, webhook: Webhook, owner: str, *, state: WebhookState, error: str
    ) -> None:
        """Pause it."""
        await self._write(webhook, owner, state=state, last_error=error, next_attempt_us=None)

    async def fell_behind(self, webhook: Webhook, owner: str, *, to: Position) -> None:
        """Move it over what is gone."""
        await self._write(webhook, owner, **_place(to), **_WORKED, fell_behind=True)

    async def _change(self, webhook_id: str, **values: object) -> Webhook:
        row = await self._database.execute(
            partial(statements.change, webhook_id=webhook_id, values=values)
        )
        return await self._found(row, webhook_id)

    async def _write(
        self,
        webhook: Webhook,
        owner: str,
        *,
        skip: dict[str, Any] | None = None,
        **values: object,
    ) -> None:
        has_lease = await self._database.execute(
            partial(
                statements.write_leased,
                webhook_id=webhook.id,
                create_us=microseconds_of(webhook.create_time),
                revision=webhook.revision,
                owner=owner,
                values=values,
                skip=skip,
            )
        )
        if not has_lease:
            raise WebhookLeaseLost(webhook.id)

    async def _found(self, row: statements.Row | None, webhook_id: str) -> Webhook:
        if row is None:
            raise WebhookNotFound(webhook_id)
        return await self._from_row(row)

    async def _from_row(self, row: statements.Row) -> Webhook:
        place = Position(row["delivered_transaction"], row["delivered_sequence"])
        return from_row(
            row,
            lag=await self._database.lag(place),
            fell_behind=place < await self._database.earliest(),
        )


def _place(position: Position) -> dict[str, Any]:
    return {
        "delivered_transaction": position.transaction,
        "delivered_sequence": position.sequence,
    }
