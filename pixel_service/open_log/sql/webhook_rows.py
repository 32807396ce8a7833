"""Webhooks as rows, and back."""

from typing import Any

from pixel_service.open_log.sql.webhook_statements import Row
from pixel_service.open_log.subscriptions import OpenFilter
from pixel_service.open_log.values import Position
from pixel_service.open_log.webhooks import SkippedEvent, Webhook, WebhookSecret, WebhookState
from service_runtime.times import microseconds_of, now_us, time_of


def to_row(webhook: Webhook) -> dict[str, Any]:
    """Return the row that holds a new webhook."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "secrets": [[each.text, None] for each in webhook.secrets[:1]],
        "body_format": webhook.body_format,
        "skips_refused": webhook.skips_refused,
        "configuration_ids": list(webhook.configuration_ids),
        "exclude_agents": sorted(webhook.filter.exclude_agents),
        "min_confidence": webhook.filter.min_confidence,
        "first_open_only": webhook.filter.first_open_only,
        "state": webhook.state,
        "revision": webhook.revision,
        "delivered_transaction": webhook.delivered.transaction,
        "delivered_sequence": webhook.delivered.sequence,
        "fell_behind": False,
        "create_us": microseconds_of(webhook.create_time),
        "last_success_us": None,
        "last_error": "",
        "failed_attempts": 0,
        "next_attempt_us": None,
        "lease_owner": "",
        "lease_us": 0,
    }


def from_row(row: Row, *, lag: int = 0, fell_behind: bool = False) -> Webhook:
    """Return the webhook that *row* holds."""
    now = now_us()
    success_us, attempt_us = row["last_success_us"], row["next_attempt_us"]
    return Webhook(
        id=row["id"],
        url=row["url"],
        secrets=tuple(
            WebhookSecret(text=text, expire_time=None if until is None else time_of(until))
            for text, until in row["secrets"]
            if until is None or until > now
        ),
        body_format=row["body_format"],
        skips_refused=bool(row["skips_refused"]),
        delivered=Position(row["delivered_transaction"], row["delivered_sequence"]),
        create_time=time_of(row["create_us"]),
        configuration_ids=tuple(row["configuration_ids"]),
        filter=OpenFilter(
            exclude_agents=frozenset(row["exclude_agents"]),
            min_confidence=row["min_confidence"],
            first_open_only=bool(row["first_open_only"]),
        ),
        state=WebhookState(row["state"]),
        revision=row["revision"],
        last_success_time=None if success_us is None else time_of(success_us),
        last_error=row["last_error"],
        failed_attempts=row["failed_attempts"],
        next_attempt_time=None if attempt_us is None else time_of(attempt_us),
        skipped_events=row["skipped_events"],
        lag=lag,
        fell_behind=fell_behind or bool(row["fell_behind"]),
    )


def skip_from_row(row: Row) -> SkippedEvent:
    """Return the skipped event that *row* holds."""
    return SkippedEvent(
        event_id=row["event_id"],
        skip_time=time_of(row["skip_us"]),
        error=row["error"],
        before=Position(row["before_transaction"], row["before_sequence"]),
    )
