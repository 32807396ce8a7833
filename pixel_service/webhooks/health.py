"""Whether webhooks deliver, in words."""

from collections.abc import Sequence
from typing import Final

from pixel_service.open_log import Webhook, WebhookState

# More than a minute: a receiver that starts again is no trouble.
_FAILED_ATTEMPTS: Final = 5

# Named at most; the others are counted.
_NAMED: Final = 3

_PAUSED: Final = {
    WebhookState.PAUSED_GONE: "paused, its receiver is gone",
    WebhookState.PAUSED_EVENT_REFUSED: "paused, its receiver refuses an event",
}


def webhooks_in_trouble(webhooks: Sequence[Webhook]) -> str:
    """Return which of *webhooks* do not deliver, and why; empty if all do, or were paused."""
    troubles = [f"{each.id}: {trouble}" for each in webhooks if (trouble := _trouble_of(each))]
    more = len(troubles) - _NAMED
    return "; ".join(troubles[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _trouble_of(webhook: Webhook) -> str:
    if webhook.is_active and webhook.failed_attempts >= _FAILED_ATTEMPTS:
        return f"{webhook.last_error}, {webhook.failed_attempts} times"
    return _PAUSED.get(webhook.state, "")
