"""What the pages look like that create and delete a webhook."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import htpy as h

from emailopens.pixel.v1 import pixel_service_pb2
from emailopens.pixel.v1 import webhook_service_pb2 as pb
from pixel_service.page.views.webhook_pages import path_of

# Not below the list: an ID may be anything.
CREATE_WEBHOOK: Final = "/create-webhook"

# What there is to choose from, the default first.
FORMATS: Final[Mapping[str, pb.Webhook.Format.ValueType]] = {
    "As JSON": pb.Webhook.FORMAT_JSON,
    "As Amazon SNS would": pb.Webhook.FORMAT_SNS,
}
POLICIES: Final[Mapping[str, pb.Webhook.RefusedEventPolicy.ValueType]] = {
    "It is skipped, and listed": pb.Webhook.REFUSED_EVENT_POLICY_SKIP,
    "The webhook is paused": pb.Webhook.REFUSED_EVENT_POLICY_PAUSE,
}
STARTS: Final[Mapping[str, pixel_service_pb2.Position.ValueType]] = {
    "With what comes from now on": pixel_service_pb2.POSITION_LATEST,
    "With the earliest open that is kept": pixel_service_pb2.POSITION_EARLIEST,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AskedWebhook:
    """What a form asks for."""

    webhook_id: str = ""
    url: str = ""
    configuration_ids: str = ""
    body: str = next(iter(FORMATS))
    if_refused: str = next(iter(POLICIES))
    start: str = next(iter(STARTS))


def create_form(asked: AskedWebhook) -> h.Element:
    """Return the form that asks for a webhook, with what was asked for before."""
    return h.form(".stacked", method="post", action=CREATE_WEBHOOK)[
        h.label(for_="id")["ID: lowercase letters, digits and hyphens"],
        h.input(
            "#id",
            name="id",
            value=asked.webhook_id,
            required=True,
            maxlength="63",
            autocomplete="off",
        ),
        h.label(for_="url")["URL that opens are delivered to"],
        h.input(
            "#url",
            type="url",
            name="url",
            value=asked.url,
            required=True,
            maxlength="2000",
            autocomplete="off",
        ),
        h.label(for_="configurations")["Configuration IDs, separated by spaces; none for all"],
        h.input(
            "#configurations",
            name="configurations",
            value=asked.configuration_ids,
            autocomplete="off",
        ),
        _choice("body", "What is sent", list(FORMATS), asked.body),
        _choice("if_refused", "If the receiver refuses an event", list(POLICIES), asked.if_refused),
        _choice("start", "Where it begins", list(STARTS), asked.start),
        h.p[h.button(type="submit")["Create it"]],
    ]


def _choice(name: str, label: str, values: Sequence[str], chosen: str) -> Sequence[h.Element]:
    return [
        h.label(for_=name)[label],
        h.select(f"#{name}", name=name)[
            [h.option(value=each, selected=each == chosen)[each] for each in values]
        ],
    ]


def created_page(webhook_id: str, secret: str) -> Iterator[h.Element]:
    """Yield what is told of a webhook that was created."""
    yield h.h1["Webhook ", h.code[webhook_id], " is created"]
    yield h.p(role="status")["Its receiver verifies each request with this secret:"]
    yield h.p[h.code[secret]]
    yield h.p["It is not shown again."]
    yield h.p(".actions")[h.a(".button", href=path_of(webhook_id))["To the webhook"]]


def delete_page(webhook_id: str) -> Iterator[h.Element]:
    """Yield the question whether to delete a webhook."""
    yield h.h1["Delete the webhook ", h.code[webhook_id], "?"]
    yield h.p[
        "Nothing more is delivered, and its place in the log, its secret and the list of what it"
        " has skipped are forgotten. The opens themselves stay."
    ]
    yield h.form(".actions", method="post", action=f"{path_of(webhook_id)}/delete")[
        h.button(".danger", type="submit")["Delete it"],
        h.a(".button", href=path_of(webhook_id))["Keep it"],
    ]


def create_link() -> h.Element:
    """Return what leads from the list to the form."""
    return h.p(".actions")[h.a(".button", href=CREATE_WEBHOOK)["Create a webhook"]]
