"""From a message through a real Postfix to the notification that it was opened."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import urllib.request

import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from examples.pair import Pair
from tests.postfix.byte_sink import ByteSink
from tests.postfix.flows import Flows
from tests.postfix.mail import a_message, mail_from, pixel_of, to
from tests.postfix.servers import (
    AFTER_QUEUE,
    BEFORE_QUEUE,
    CONFIGURATION,
    ONE_RECIPIENT,
    STRAIGHT_ON,
)
from tests.postfix.submission import submission

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("section", [AFTER_QUEUE, ONE_RECIPIENT, STRAIGHT_ON, BEFORE_QUEUE])
def test_open_is_notified_with_the_recipient_whose_copy_it_was(
    section: str, flows: Flows, sink: ByteSink, pair: Pair
) -> None:
    """Who opens the message that Postfix delivered is named on the stream."""
    recipients = [f"{each}@{section.replace(' ', '-').lower()}.example" for each in ("anna", "ben")]
    with submission(flows.bridged(section).ports.smtp) as client:
        for batch in [recipients] if section != BEFORE_QUEUE else [[each] for each in recipients]:
            client.send(mail_from(), to(*batch), a_message(section))
    (opened,) = (each for each in sink.wait_for(2) if each.addresses == recipients[1:])
    url = pixel_of(opened.octets)
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own pixel
        assert response.status == 200

    assert [recipients[0]] not in destinations_until(pair, [recipients[1]])


def destinations_until(pair: Pair, wanted: list[str]) -> list[list[str]]:
    """Return the destinations of the opens on the stream, up to the one that is wanted."""
    found: list[list[str]] = []
    with grpc.insecure_channel(pair.pixel) as channel:
        stream = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(position=pb.POSITION_EARLIEST, configuration_ids=[CONFIGURATION]),
            timeout=30,
        )
        while wanted not in found:
            batch = next(stream).batch
            found += [list(each.mail.destination) for each in batch.notifications]
        stream.cancel()
    return found
