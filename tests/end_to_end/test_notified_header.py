"""What a notification says of a message's header is what stood there, as the model has it."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

from typing import Any

import aiohttp
import grpc
import pytest
from google.protobuf import json_format

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair
from tests.end_to_end.listing import listed
from tests.end_to_end.test_pair import fetch

BODY = b"Content-Type: text/html\r\n\r\n<p>Hello</p>\r\n"


@pytest.fixture
async def notified_configuration(pair: Pair, configuration_id: str) -> str:
    """Return a configuration that notifies three header fields."""
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        await configuration_pb_grpc.ConfigurationServiceStub(channel).UpdateConfiguration(
            configuration_pb.UpdateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id=configuration_id, notified_headers=["X-Long", "x-campaign", "X-Segment"]
                )
            )
        )
    return configuration_id


@pytest.mark.parametrize(
    ("fields", "recipients", "expected"),
    [
        pytest.param(
            b"From: =?utf-8?q?G=C3=A4rtnerei?= <a@example.com>, Zwei <b@example.com>\r\n"
            b'To: "Doe, Jane" <jane@example.org>\r\n'
            b"Date: Mon, 9 Mar 2026 08:15:30 +0100\r\n"
            b"Message-ID: <march-1@example.com>\r\n"
            b"Subject: =?utf-8?q?Erste?=\r\n =?utf-8?q?_Bl=C3=BCten?=\r\n",
            [],
            {
                "from": ["=?utf-8?q?G=C3=A4rtnerei?= <a@example.com>", "Zwei <b@example.com>"],
                "to": ['"Doe, Jane" <jane@example.org>'],
                "date": "Mon, 9 Mar 2026 08:15:30 +0100",
                "messageId": "<march-1@example.com>",
                "originalMessageId": "<march-1@example.com>",
                "subject": "=?utf-8?q?Erste?= =?utf-8?q?_Bl=C3=BCten?=",
            },
            id="split by address, encoded words left",
        ),
        pytest.param(
            b"From: a@example.com\r\nTo: jane@example.org, (not closed\r\n",
            ["jane@example.org"],
            {"from": ["a@example.com"], "to": ["jane@example.org, (not closed"]},
            id="unparsable is one item, missing is left out",
        ),
    ],
)
async def test_common_headers_are_as_the_model_has_them(
    fields: bytes,
    recipients: list[str],
    expected: dict[str, Any],
    configuration_id: str,
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
    pixel: pixel_pb_grpc.PixelServiceAsyncStub,
    browser: aiohttp.ClientSession,
) -> None:
    """Address lists by address, nothing decoded, and nothing made up."""
    answer = await injector.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=fields + BODY, configuration_ids=[configuration_id], recipients=recipients
        )
    )
    await fetch(browser, answer.pixel_url)
    found = await listed(pixel, 1, configuration_id)
    mail = json_format.MessageToDict(found.notifications[0])["mail"]

    assert mail["commonHeaders"] == expected
    assert mail["destination"] == ["jane@example.org"]
    assert "headersTruncated" not in mail


async def test_notified_headers_stand_in_order_and_are_cut_from_the_end(
    notified_configuration: str,
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
    pixel: pixel_pb_grpc.PixelServiceAsyncStub,
    browser: aiohttp.ClientSession,
) -> None:
    """In the message's order, within the URL's budget; the caller and the consumer are told."""
    fields = [
        b"X-Segment: garden\r\n",
        b"To: jane@example.org\r\n",
        b"X-Campaign: march\r\n",
        b"X-Long: " + b" ".join([b"word"] * 500) + b"\r\n",
    ]
    opens = 0
    for count, is_cut in ((3, False), (4, True)):
        answer = await injector.RewriteMessage(
            injector_pb.RewriteMessageRequest(
                raw_message=b"".join(fields[:count]) + BODY,
                configuration_ids=[notified_configuration],
            )
        )
        await fetch(browser, answer.pixel_url)
        found = await listed(pixel, opens := opens + 1, notified_configuration)
        mail = json_format.MessageToDict(found.notifications[-1])["mail"]

        assert mail["headers"] == [
            {"name": "X-Segment", "value": "garden"},
            {"name": "X-Campaign", "value": "march"},
        ]
        assert mail.get("headersTruncated") == (True if is_cut else None)
        warnings = injector_pb.RewriteMessageResponse
        assert (warnings.WARNING_HEADERS_TRUNCATED in answer.warnings) == is_cut
        assert len(answer.pixel_url) <= 2_000
