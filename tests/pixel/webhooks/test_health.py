"""Operators are told in words which webhooks do not deliver."""

import dataclasses
import datetime as dt
from pathlib import Path

from pixel_service.open_log import Webhook, WebhookState
from pixel_service.webhooks import webhooks_in_trouble
from service_runtime.drain import Drain
from tests.pixel.open_log.webhook_values import new_webhook
from tests.pixel.recording.test_outage import until_told
from tests.pixel.service_values import a_log
from tests.pixel.test_service import a_service

HOUR = dt.timedelta(hours=1)


def failing(webhook_id: str, attempts: int) -> Webhook:
    return dataclasses.replace(
        new_webhook(webhook_id), last_error="answered 503", failed_attempts=attempts
    )


def paused(webhook_id: str, state: WebhookState) -> Webhook:
    return dataclasses.replace(new_webhook(webhook_id), state=state, failed_attempts=9)


def test_who_fails_for_long_or_was_paused_by_the_service_is_named() -> None:
    """One that fails for a moment is not, nor one that somebody has paused."""
    webhooks = [
        new_webhook("well"),
        failing("moment", 4),
        failing("crm", 5),
        paused("quiet", WebhookState.PAUSED),
        paused("gone", WebhookState.PAUSED_GONE),
    ]

    assert webhooks_in_trouble(webhooks[:2]) == ""
    assert webhooks_in_trouble(webhooks) == (
        "crm: answered 503, 5 times; gone: paused, its receiver is gone"
    )


def test_many_are_counted() -> None:
    """A page for operators stays short, however many receivers are away."""
    text = webhooks_in_trouble([failing(f"w{number}", 7) for number in range(200)])

    assert text.startswith("w0: answered 503, 7 times; w1: ")
    assert text.endswith("; and 197 more")


async def test_operators_are_told_and_the_service_is_ready(tmp_path: Path) -> None:
    """It is the receiver's business, and another process would be no better off."""
    async with a_log(tmp_path) as log:
        await log.webhooks.create(new_webhook())
        (mine,) = await log.webhooks.lease("before", length=HOUR)
        await log.webhooks.failed(
            mine,
            "before",
            error="answered 503",
            attempts=9,
            next_attempt_time=dt.datetime.now(dt.UTC) + HOUR,
        )
    async with a_service(tmp_path, Drain()) as addresses:
        told = await until_told(addresses, "webhooks deliver: no (crm: answered 503, 9 times)")

    assert told == 200
