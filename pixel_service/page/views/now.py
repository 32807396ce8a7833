"""What happens now: health, opens as they come, and who is behind."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Final

import htpy as h

from emailopens.pixel.v1 import (
    operation_service_pb2,
    operation_service_pb2_grpc,
    subscription_service_pb2,
    subscription_service_pb2_grpc,
    webhook_service_pb2,
    webhook_service_pb2_grpc,
)
from pixel_service.page.live import LAST_OPENS, Feed
from pixel_service.page.views import now_pages, subscription_pages, webhook_pages
from pixel_service.page.views.now_pages import Late
from pixel_service.page.visit import Visit

# Whoever has more has them on pages of their own.
_READERS: Final = 1_000

# A feed that has just begun gets its first opens within this time.
_SECONDS: Final = 1.0


async def show_now(visit: Visit, feed: Feed | None) -> h.Node:
    """Return what happens now, as far as whoever looks may see it.

    Args:
        visit: whose look it is.
        feed: the opens that come in; None: they may not see any, or too many look.
    """
    health, late = await asyncio.gather(_health(visit), _late(visit))
    return [
        h.h1["Now"],
        health,
        await _live(visit, feed),
        h.h2["Behind"],
        now_pages.behind(late),
    ]


async def _health(visit: Visit) -> h.Node:
    if not visit.may("OperationService/GetServiceStatus"):
        return None
    stub = operation_service_pb2_grpc.OperationServiceStub(visit.channel)
    status = await stub.GetServiceStatus(operation_service_pb2.GetServiceStatusRequest())
    return list(now_pages.health(status))


async def _live(visit: Visit, feed: Feed | None) -> h.Node:
    if feed is None and visit.may("PixelService/StreamOpens"):
        return h.p(".muted")["So many look already that opens are not shown as they come."]
    if feed is None:
        return h.p(".muted")["Opens themselves are for subscribers and admins."]
    await feed.begun(seconds=_SECONDS)
    return h.section(
        "#live", data_from=now_pages.LIVE, data_most=str(LAST_OPENS), aria_label="Live"
    )[
        h.p(".actions")[
            h.button("#pause", type="button", hidden=True, aria_pressed="false")["Pause updates"]
        ],
        now_pages.silence(feed.failure),
        now_pages.rate(feed.recent, dt.datetime.now(dt.UTC)),
        h.h2["Latest opens"],
        now_pages.latest(feed.recent),
    ]


async def _late(visit: Visit) -> Sequence[Late]:
    subscriptions, webhooks = await asyncio.gather(_subscriptions(visit), _webhooks(visit))
    return [*subscriptions, *webhooks]


async def _subscriptions(visit: Visit) -> Sequence[Late]:
    stub = subscription_service_pb2_grpc.SubscriptionServiceStub(visit.channel)
    response = await stub.ListSubscriptions(
        subscription_service_pb2.ListSubscriptionsRequest(page_size=_READERS)
    )
    return [
        Late(
            each.lag,
            "Subscription",
            each.id,
            subscription_pages.path_of(each.id),
            subscription_pages.is_paused(each),
        )
        for each in response.subscriptions
        if each.lag or each.fell_behind
    ]


async def _webhooks(visit: Visit) -> Sequence[Late]:
    stub = webhook_service_pb2_grpc.WebhookServiceStub(visit.channel)
    response = await stub.ListWebhooks(webhook_service_pb2.ListWebhooksRequest(page_size=_READERS))
    return [
        Late(
            each.lag,
            "Webhook",
            each.id,
            webhook_pages.path_of(each.id),
            each.state == webhook_service_pb2.Webhook.STATE_PAUSED,
        )
        for each in response.webhooks
        if each.lag or not webhook_pages.is_well(each)
    ]
