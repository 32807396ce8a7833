"""Which configuration a message is notified under, chosen as the model system does."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import dataclasses

import aiohttp
import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair
from tests.end_to_end.listing import listed
from tests.end_to_end.test_pair import fetch

BODY = b"<html><body><p>Hello</p></body></html>\r\n"
ELEMENT_START = b"<img"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A message, what the request says, and which configuration must be chosen."""

    fields: bytes = b""
    sender: bytes = b"anybody@elsewhere.example"
    requested: str = ""
    chosen: str
    left: bytes = b""
    """The fields that stay in the message."""


CASES = {
    "field of Amazon SES": Case(fields=b"X-Ses-Configuration-Set: news\r\n", chosen="news"),
    "our field": Case(fields=b"X-Configuration-Id: news\r\n", chosen="news"),
    "our field before theirs": Case(
        fields=b"X-SES-CONFIGURATION-SET: shop\r\nx-configuration-id: news\r\n", chosen="news"
    ),
    "request before field, which stays": Case(
        fields=b"X-Ses-Configuration-Set: shop\r\n",
        requested="news",
        chosen="news",
        left=b"X-Ses-Configuration-Set: shop\r\n",
    ),
    "field before sender": Case(
        fields=b"X-Configuration-Id: news\r\n", sender=b"b@shop.example", chosen="news"
    ),
    "sender's address before its domain": Case(sender=b"letters@shop.example", chosen="news"),
    "sender's domain": Case(sender=b"Shop <orders@Shop.Example>", chosen="shop"),
}


@pytest.fixture(scope="module")
def configurations(pair: Pair) -> None:
    """Create the configurations that the cases name."""
    with grpc.insecure_channel(pair.injector) as channel:
        stub = configuration_pb_grpc.ConfigurationServiceStub(channel)
        for configuration_id, sender in (
            ("news", "letters@shop.example"),
            ("shop", "shop.example"),
        ):
            stub.CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(
                    configuration=configuration_pb.Configuration(
                        id=configuration_id, open_notifications_enabled=True, senders=[sender]
                    )
                )
            )


@pytest.mark.usefixtures("configurations")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_open_is_notified_under_the_chosen_configuration(
    case: Case,
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
    pixel: pixel_pb_grpc.PixelServiceAsyncStub,
    browser: aiohttp.ClientSession,
) -> None:
    """Request, then header field, then sender; a field that chose is taken out, nothing else."""
    rest = b"From: " + case.sender + b"\r\nTo: b@example.org\r\nContent-Type: text/html\r\n\r\n"
    answer = await injector.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=case.fields + rest + BODY,
            configuration_ids=[case.requested] if case.requested else [],
        )
    )
    await fetch(browser, answer.pixel_url)
    notifications: list[notification_pb.OpenNotification] = []
    while not notifications:  # the open is in the log a moment after its pixel was answered
        found = await listed(pixel, 1, "news", "shop")
        notifications = [
            each for each in found.notifications if each.mail.message_id == answer.message_id
        ]
    (notification,) = notifications

    assert list(answer.configuration_ids) == [case.chosen]
    assert notification.configuration_id == case.chosen
    assert list(notification.mail.tags["ses:configuration-set"]) == [case.chosen]
    before, _, after = answer.raw_message.partition(ELEMENT_START)
    assert before + after.partition(b">")[2] == case.left + rest + BODY


@pytest.mark.usefixtures("configurations")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
        (b"X-Configuration-Id: never-made\r\n", grpc.StatusCode.NOT_FOUND),
        (b"X-Ses-Configuration-Set: no ID!\r\n", grpc.StatusCode.NOT_FOUND),
    ],
)
async def test_what_chooses_none_is_an_error(
    fields: bytes, code: grpc.StatusCode, injector: injector_pb_grpc.InjectorServiceAsyncStub
) -> None:
    """A message is never tracked under a configuration that nobody named."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await injector.RewriteMessage(
            injector_pb.RewriteMessageRequest(
                raw_message=fields + b"From: anybody@elsewhere.example\r\n\r\nHello\r\n"
            )
        )

    assert caught.value.code() is code


@pytest.mark.usefixtures("configurations")
async def test_a_sender_has_one_configuration(pair: Pair) -> None:
    """A sender that is bound already is refused to another configuration, in any case."""
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(
                    configuration=configuration_pb.Configuration(
                        id="rival", senders=["Letters@SHOP.example"]
                    )
                )
            )

    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    # The place and not the address: errors carry none.
    assert caught.value.details() == "configuration.senders[0] is bound to configuration news"
