"""Joined octets are what protobuf would have written."""

from hypothesis import given
from hypothesis import strategies as st

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.grpc_api.batch_octets import batch_response, page_octets

NEXT = "next"

# Octets of a message ID: sizes on both sides of one, two and three octets of length.
SIZES = st.lists(st.sampled_from([0, 1, 100, 127, 128, 4_090, 4_100, 20_000]), max_size=6)


def notifications(sizes: list[int]) -> list[open_notification_pb2.OpenNotification]:
    return [
        open_notification_pb2.OpenNotification(
            event_id=f"x:{size}",
            mail=open_notification_pb2.Mail(message_id="m" * size),
        )
        for size in sizes
    ]


@given(SIZES)
def test_batch_equals_what_protobuf_serializes(sizes: list[int]) -> None:
    """A batch put together from stored octets is octet by octet the serialized message."""
    stored = notifications(sizes)
    expected = pb.StreamOpensResponse(
        batch=pb.OpenBatch(notifications=stored, cursor="the-cursor")
    ).SerializeToString()

    assert batch_response([each.SerializeToString() for each in stored], "the-cursor") == expected


@given(SIZES)
def test_page_equals_what_protobuf_serializes(sizes: list[int]) -> None:
    """So is a page of ListOpens."""
    stored = notifications(sizes)
    rest = pb.ListOpensResponse(cursor="the-cursor", next_page_token=NEXT)
    expected = pb.ListOpensResponse(
        notifications=stored, cursor="the-cursor", next_page_token=NEXT
    ).SerializeToString()
    octets = page_octets(each.SerializeToString() for each in stored)

    assert octets + rest.SerializeToString() == expected
