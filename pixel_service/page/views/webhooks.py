"""Webhooks: who is behind and why, and what can be done about it."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import grpc
import htpy as h

from emailopens.pixel.v1 import webhook_service_pb2 as pb
from emailopens.pixel.v1 import webhook_service_pb2_grpc as pb_grpc
from pixel_service.page.failures import said_beside_form
from pixel_service.page.replaying import start_of
from pixel_service.page.views.webhook_form_pages import (
    FORMATS,
    POLICIES,
    STARTS,
    AskedWebhook,
    create_form,
    create_link,
    created_page,
)
from pixel_service.page.views.webhook_pages import webhook_list, webhook_page
from pixel_service.page.visit import Visit

_ON_A_PAGE: Final = 50
_SKIPPED: Final = 100


async def show_webhooks(visit: Visit, page_token: str) -> h.Node:
    """Return the webhooks that whoever looks may see, a page at a time."""
    response = await pb_grpc.WebhookServiceStub(visit.channel).ListWebhooks(
        pb.ListWebhooksRequest(page_size=_ON_A_PAGE, page_token=page_token)
    )
    return [
        h.h1["Webhooks"],
        visit.may("WebhookService/CreateWebhook") and create_link(),
        webhook_list(response.webhooks, response.next_page_token),
    ]


async def show_webhook(visit: Visit, webhook_id: str) -> h.Node:
    """Return what is known of a webhook, and what can be done with it."""
    stub = pb_grpc.WebhookServiceStub(visit.channel)
    found = await stub.GetWebhook(pb.GetWebhookRequest(webhook_id=webhook_id))
    skipped = await stub.ListSkippedEvents(
        pb.ListSkippedEventsRequest(webhook_id=webhook_id, page_size=_SKIPPED)
    )
    return list(
        webhook_page(
            found.webhook,
            skipped.skipped_events,
            may_replay=visit.may("WebhookService/ReplayWebhook"),
            may_delete=visit.may("WebhookService/DeleteWebhook"),
            now=dt.datetime.now(dt.UTC),
        )
    )


async def pause_webhook(visit: Visit, webhook_id: str, _: Mapping[str, str]) -> None:
    """Pause a webhook."""
    stub = pb_grpc.WebhookServiceStub(visit.channel)
    await stub.PauseWebhook(pb.PauseWebhookRequest(webhook_id=webhook_id))


async def resume_webhook(visit: Visit, webhook_id: str, _: Mapping[str, str]) -> None:
    """Resume a webhook, or have one that fails tried at once."""
    stub = pb_grpc.WebhookServiceStub(visit.channel)
    await stub.ResumeWebhook(pb.ResumeWebhookRequest(webhook_id=webhook_id))


async def replay_webhook(visit: Visit, webhook_id: str, form: Mapping[str, str]) -> None:
    """Move a webhook to the time that *form* says, in UTC.

    Raises:
        web.HTTPBadRequest: it says no time.
    """
    request = pb.ReplayWebhookRequest(webhook_id=webhook_id)
    request.from_time.FromDatetime(start_of(form))
    await pb_grpc.WebhookServiceStub(visit.channel).ReplayWebhook(request)


async def delete_webhook(visit: Visit, webhook_id: str) -> None:
    """Delete a webhook."""
    stub = pb_grpc.WebhookServiceStub(visit.channel)
    await stub.DeleteWebhook(pb.DeleteWebhookRequest(webhook_id=webhook_id))


async def create_webhook(visit: Visit, form: Mapping[str, str]) -> h.Node:
    """Create the webhook that *form* asks for, and return what to tell its receiver.

    Or the form, if it is not filled in, or with what keeps the webhook from being created.
    """
    heading = h.h1["Create a webhook"]
    if not form:
        return [heading, create_form(AskedWebhook())]
    asked = AskedWebhook(
        webhook_id=form.get("id", ""),
        url=form.get("url", ""),
        configuration_ids=form.get("configurations", ""),
        body=form.get("body", ""),
        if_refused=form.get("if_refused", ""),
        start=form.get("start", ""),
    )
    stub = pb_grpc.WebhookServiceStub(visit.channel)
    try:
        created = await stub.CreateWebhook(_request(asked))
    except grpc.aio.AioRpcError as error:
        return [heading, said_beside_form(error), create_form(asked)]
    return list(created_page(created.webhook.id, created.secret))


def _request(asked: AskedWebhook) -> pb.CreateWebhookRequest:
    request = pb.CreateWebhookRequest(
        webhook=pb.Webhook(
            id=asked.webhook_id.strip(),
            url=asked.url.strip(),
            configuration_ids=asked.configuration_ids.replace(",", " ").split(),
            # What is none of the choices is the default.
            format=FORMATS.get(asked.body, pb.Webhook.FORMAT_UNSPECIFIED),
            refused_event_policy=POLICIES.get(
                asked.if_refused, pb.Webhook.REFUSED_EVENT_POLICY_UNSPECIFIED
            ),
        )
    )
    if asked.start in STARTS:
        request.position = STARTS[asked.start]
    return request
