"""Consumers written for the model system, and for Amazon SES, read a real notification."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import django.conf
import grpc
import jsonschema
import pytest
from anymail.signals import AnymailTrackingEvent
from django.test import RequestFactory
from google.protobuf import json_format

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.notification.v1 import privacy_level_pb2 as privacy_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair
from tests.end_to_end.listing import listed

ROOT = Path(__file__).parents[2]
NEWSLETTER = (ROOT / "examples/newsletter.eml").read_bytes()
SCHEMA = json.loads(
    (ROOT / "protos/emailopens/notification/v1/open_notification.schema.json").read_text()
)


THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.5.0"


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"User-Agent": THUNDERBIRD}) as session:
        yield session


@pytest.fixture
def privacy_level() -> str:
    """Return the level of the notification; tests parametrize it."""
    return "PRIVACY_LEVEL_FULL"


@pytest.fixture
async def notification(
    pair: Pair,
    configuration_id: str,
    privacy_level: str,
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
    pixel: pixel_pb_grpc.PixelServiceAsyncStub,
    browser: aiohttp.ClientSession,
) -> dict[str, Any]:
    """Return the JSON of a real open, with notified headers and tags."""
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        await configuration_pb_grpc.ConfigurationServiceStub(channel).UpdateConfiguration(
            configuration_pb.UpdateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id=configuration_id,
                    notified_headers=["X-Campaign", "X-Tag"],
                    privacy_level=privacy_pb.PrivacyLevel.Value(privacy_level),
                )
            )
        )
    answer = await injector.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=b"X-Tag: spring\r\n" + NEWSLETTER,
            configuration_ids=[configuration_id],
            recipients=["hidden@example.org"],
            tags={"edition": "28"},
        )
    )
    async with browser.get(answer.pixel_url) as response:
        assert response.status == 200
    found = await listed(pixel, 1, configuration_id)
    return json_format.MessageToDict(found.notifications[0])


@pytest.mark.parametrize("privacy_level", ["PRIVACY_LEVEL_FULL", "PRIVACY_LEVEL_MASKED"])
async def test_notification_is_what_the_model_documents(notification: dict[str, Any]) -> None:
    """Every field that the model has is there in its form, and only ours besides."""
    jsonschema.validate(notification, SCHEMA)

    assert notification["mail"]["headers"] == [
        {"name": "X-Tag", "value": "spring"},
        {"name": "X-Campaign", "value": "brief-28"},
    ]
    assert notification["mail"]["tags"]["ses:from-domain"] == ["gaertnerei.example"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["eventType"], "Read"),
        (["mail", "tags", "edition"], "28"),
        (["mail", "headersTruncated"], False),
        (["mail", "commonHeaders", "to"], []),
        (["open", "timestamp"], "yesterday"),
        (["open", "reader"], "Zofia"),
    ],
)
async def test_schema_refuses_what_the_model_does_not_send(
    notification: dict[str, Any], path: list[str], value: object
) -> None:
    """The schema is strict: the test above can fail."""
    inner = notification
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(notification, SCHEMA)


def anymail_events(notification: dict[str, Any]) -> list[AnymailTrackingEvent]:
    """Return what django-anymail's webhook makes of *notification*, sent as Amazon SNS sends."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(USE_TZ=True)
    from anymail.webhooks.amazon_ses import (  # noqa: PLC0415 - needs the settings
        AmazonSESTrackingWebhookView,
    )

    # Not constructed: that sets up a client of Amazon's, which reading does not use.
    view = AmazonSESTrackingWebhookView.__new__(AmazonSESTrackingWebhookView)
    envelope = {
        "Type": "Notification",
        "MessageId": "sns-1",
        "Message": json.dumps(notification),
        "Timestamp": "2026-11-24T10:00:00.000Z",
    }
    request = RequestFactory().post(
        "/anymail/amazon_ses/tracking/",
        json.dumps(envelope),
        content_type="text/plain; charset=UTF-8",
        headers={"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "sns-1"},
    )
    view.validate_request(request)
    events: list[AnymailTrackingEvent] = view.parse_events(request)
    return events


async def test_anymail_reads_it_as_an_open_of_amazon_ses(notification: dict[str, Any]) -> None:
    """django-anymail's webhook for Amazon SES makes of it the event that it makes of theirs."""
    (event,) = anymail_events(notification)

    assert event.event_type == "opened"
    assert event.recipient == "hidden@example.org"
    assert event.message_id == notification["mail"]["messageId"]
    assert event.user_agent == THUNDERBIRD
    assert event.tags == ["spring"]
    assert event.timestamp == dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)
    assert event.esp_event == notification


@pytest.mark.parametrize("privacy_level", ["PRIVACY_LEVEL_PSEUDONYMOUS", "PRIVACY_LEVEL_ANONYMOUS"])
async def test_anymail_passes_over_opens_of_nobody(
    notification: dict[str, Any], privacy_level: str
) -> None:
    """What names no recipient is no event of any, and no error."""
    assert notification["privacyLevel"] == privacy_level
    assert anymail_events(notification) == []
