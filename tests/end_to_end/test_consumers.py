"""Consumers written for the model system, and for Amazon SES, read a real notification."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import aiohttp
import django.conf
import grpc
import jsonschema
import pytest
from google.protobuf import json_format

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair

ROOT = Path(__file__).parents[2]
NEWSLETTER = (ROOT / "examples/newsletter.eml").read_bytes()
SCHEMA = json.loads((ROOT / "tests/testdata/open_notification.schema.json").read_text())


@pytest.fixture
async def notification(
    pair: Pair,
    configuration_id: str,
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
    pixel: pixel_pb_grpc.PixelServiceAsyncStub,
    browser: aiohttp.ClientSession,
) -> dict[str, Any]:
    """Return the JSON of a real open, with notified headers and tags."""
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        await configuration_pb_grpc.ConfigurationServiceStub(channel).UpdateConfiguration(
            configuration_pb.UpdateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id=configuration_id, notified_headers=["X-Campaign", "X-Tag"]
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
    listed = await pixel.ListOpens(pixel_pb.ListOpensRequest(configuration_ids=[configuration_id]))
    return json_format.MessageToDict(listed.notifications[0])


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


async def test_anymail_reads_it_as_an_open_of_amazon_ses(notification: dict[str, Any]) -> None:
    """django-anymail's webhook for Amazon SES makes of it the event that it makes of theirs."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(USE_TZ=True)
    from anymail.webhooks.amazon_ses import (  # noqa: PLC0415 - needs the settings
        AmazonSESTrackingWebhookView,
    )

    # Not constructed: that sets up a client of Amazon's, which reading does not use.
    view = AmazonSESTrackingWebhookView.__new__(AmazonSESTrackingWebhookView)
    (event,) = view.esp_to_anymail_events(
        notification, {"MessageId": "sns-1", "Timestamp": "2026-11-24T10:00:00.000Z"}
    )

    assert event.event_type == "opened"
    assert event.recipient == "hidden@example.org"
    assert event.message_id == notification["mail"]["messageId"]
    assert event.user_agent == "Thunderbird/140"
    assert event.tags == ["spring"]
    assert event.timestamp == dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)
