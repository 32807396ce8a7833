"""Webhooks: the service itself delivers what follows a place in the log, each to a URL.

A delivery is a reader of the log with a place that moves after a receiver's 2xx.  The places
are kept beside the opens (`open_log.webhooks`); who creates, pauses and moves webhooks is the
servicer's business.

Read `delivery` first, then `sending` and `manager`.
"""

from pixel_service.webhooks.addresses import PublicResolver, is_public
from pixel_service.webhooks.delivery import MAX_REFUSALS, Surroundings
from pixel_service.webhooks.health import webhooks_in_trouble
from pixel_service.webhooks.manager import Deliveries, delivering, new_owner
from pixel_service.webhooks.metrics import webhook_metrics
from pixel_service.webhooks.pacing import Pace
from pixel_service.webhooks.reading import Reader
from pixel_service.webhooks.sending import Sender, open_sender
from pixel_service.webhooks.signing import new_secret, parse_secret, secret_text
from pixel_service.webhooks.urls import mistake_of_url, shown_url

__all__ = [
    "MAX_REFUSALS",
    "Deliveries",
    "Pace",
    "PublicResolver",
    "Reader",
    "Sender",
    "Surroundings",
    "delivering",
    "is_public",
    "mistake_of_url",
    "new_owner",
    "new_secret",
    "open_sender",
    "parse_secret",
    "secret_text",
    "shown_url",
    "webhook_metrics",
    "webhooks_in_trouble",
]
