"""Subscriptions: who is behind, and what can be done about it."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import htpy as h

from emailopens.pixel.v1 import subscription_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as pb_grpc
from pixel_service.page.replaying import start_of
from pixel_service.page.views.subscription_pages import subscription_list, subscription_page
from pixel_service.page.visit import Visit

_ON_A_PAGE: Final = 50


async def show_subscriptions(visit: Visit, page_token: str) -> h.Node:
    """Return the subscriptions that whoever looks may see, a page at a time."""
    response = await pb_grpc.SubscriptionServiceStub(visit.channel).ListSubscriptions(
        pb.ListSubscriptionsRequest(page_size=_ON_A_PAGE, page_token=page_token)
    )
    return [
        h.h1["Subscriptions"],
        subscription_list(response.subscriptions, response.next_page_token),
    ]


async def show_subscription(visit: Visit, subscription_id: str) -> h.Node:
    """Return what is known of a subscription, and what can be done with it."""
    found = await pb_grpc.SubscriptionServiceStub(visit.channel).GetSubscription(
        pb.GetSubscriptionRequest(subscription_id=subscription_id)
    )
    return list(
        subscription_page(
            found.subscription,
            may_change=visit.may("SubscriptionService/SeekSubscription"),
            now=dt.datetime.now(dt.UTC),
        )
    )


async def pause_subscription(visit: Visit, subscription_id: str, _: Mapping[str, str]) -> None:
    """Pause a subscription: its stream is ended."""
    stub = pb_grpc.SubscriptionServiceStub(visit.channel)
    await stub.PauseSubscription(pb.PauseSubscriptionRequest(subscription_id=subscription_id))


async def resume_subscription(visit: Visit, subscription_id: str, _: Mapping[str, str]) -> None:
    """Resume a subscription."""
    stub = pb_grpc.SubscriptionServiceStub(visit.channel)
    await stub.ResumeSubscription(pb.ResumeSubscriptionRequest(subscription_id=subscription_id))


async def replay_subscription(visit: Visit, subscription_id: str, form: Mapping[str, str]) -> None:
    """Move a subscription to the time that *form* says, in UTC.

    Raises:
        web.HTTPBadRequest: it says no time.
    """
    request = pb.SeekSubscriptionRequest(subscription_id=subscription_id)
    request.from_time.FromDatetime(start_of(form))
    await pb_grpc.SubscriptionServiceStub(visit.channel).SeekSubscription(request)


async def delete_subscription(visit: Visit, subscription_id: str) -> None:
    """Delete a subscription."""
    await pb_grpc.SubscriptionServiceStub(visit.channel).DeleteSubscription(
        pb.DeleteSubscriptionRequest(subscription_id=subscription_id)
    )
