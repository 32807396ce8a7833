"""Webhooks for the tests of their keeping."""

import datetime as dt

from pixel_service.open_log import BEGINNING, Position, Webhook, WebhookSecret


def new_webhook(webhook_id: str = "crm", at: Position = BEGINNING) -> Webhook:
    """Return a webhook that delivers everything after *at*."""
    return Webhook(
        id=webhook_id,
        url="https://user:secret@crm.example/opens",
        secrets=(WebhookSecret(text="first"),),
        body_format=1,
        skips_refused=True,
        delivered=at,
        create_time=dt.datetime.now(dt.UTC),
    )
