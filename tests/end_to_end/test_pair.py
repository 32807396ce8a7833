"""From a message to the notification of its open, through both services as processes."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

from pathlib import Path

import aiohttp
import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.demo import pixel_url_of

ROOT = Path(__file__).parents[2]
NEWSLETTER = (ROOT / "examples/newsletter.eml").read_bytes()

# One message for each transfer encoding and each place of the HTML part.
MESSAGES = {
    "newsletter": NEWSLETTER,
    "root html, 7bit": (
        b"From: a@example.com\r\nTo: b@example.org\r\nContent-Type: text/html\r\n\r\n"
        b"<html><body><p>Hello</p></body></html>\r\n"
    ),
    "base64": (
        b"From: a@example.com\nTo: b@example.org\nMIME-Version: 1.0\n"
        b"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
        b"PGh0bWw+PGJvZHk+PHA+R3LDvMOfZTwvcD48L2JvZHk+PC9odG1sPgo=\n"
    ),
    "8bit in related in mixed": (
        "From: a@example.com\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n"
        "Content-Type: multipart/related; boundary=inner\r\n\r\n--inner\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "<p>Grüße\r\n--inner--\r\n--outer\r\nContent-Type: text/plain\r\n"
        "Content-Disposition: attachment\r\n\r\n</body>\r\n--outer--\r\n"
    ).encode(),
}


async def fetch(browser: aiohttp.ClientSession, url: str) -> bytes:
    async with browser.get(url) as response:
        assert response.status == 200
        return await response.read()


async def read(
    pixel: pixel_pb_grpc.PixelServiceAsyncStub, request: pixel_pb.StreamOpensRequest, count: int
) -> tuple[list[notification_pb.OpenNotification], list[str]]:
    """Return the first *count* notifications, and the cursors of their batches."""
    notifications: list[notification_pb.OpenNotification] = []
    cursors: list[str] = []
    stream = pixel.StreamOpens(request, timeout=20)
    async for response in stream:
        if response.WhichOneof("event") == "batch":
            notifications.extend(response.batch.notifications)
            cursors.append(response.batch.cursor)
        if len(notifications) >= count:
            break
    stream.cancel()
    return notifications, cursors


@pytest.mark.parametrize("name", MESSAGES)
async def test_fetch_of_a_rewritten_message_is_notified(
    name: str,
    configuration_id: str,
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
    pixel: pixel_pb_grpc.PixelServiceAsyncStub,
    browser: aiohttp.ClientSession,
) -> None:
    """A fetch is notified with the message's ID and the fetch's address and agent."""
    answer = await injector.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=MESSAGES[name], configuration_ids=[configuration_id], tags={"k": "v"}
        )
    )
    url = pixel_url_of(answer.raw_message)
    body = await fetch(browser, url)
    (notification,), _ = await read(
        pixel,
        pixel_pb.StreamOpensRequest(
            position=pixel_pb.POSITION_EARLIEST, configuration_ids=[configuration_id]
        ),
        1,
    )

    assert answer.outcome == injector_pb.RewriteMessageResponse.OUTCOME_TRACKED
    assert url == answer.pixel_url
    assert body.startswith(b"GIF89a")
    assert notification.event_type == "Open"
    assert notification.mail.message_id == answer.message_id
    assert list(notification.mail.tags["k"]) == ["v"]
    assert (notification.open.ip_address, notification.open.user_agent) == (
        "127.0.0.1",
        "Thunderbird/140",
    )


async def test_every_fetch_is_notified_and_a_resumed_stream_delivers_exactly_the_rest(
    configuration_id: str,
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
    pixel: pixel_pb_grpc.PixelServiceAsyncStub,
    browser: aiohttp.ClientSession,
) -> None:
    """Two fetches are two events; from the first cursor on there is only the second."""
    answer = await injector.RewriteMessage(
        injector_pb.RewriteMessageRequest(
            raw_message=NEWSLETTER, configuration_ids=[configuration_id]
        )
    )
    earliest = pixel_pb.StreamOpensRequest(
        position=pixel_pb.POSITION_EARLIEST, configuration_ids=[configuration_id]
    )
    await fetch(browser, answer.pixel_url)
    first, cursors = await read(pixel, earliest, 1)
    await fetch(browser, answer.pixel_url)
    both, _ = await read(pixel, earliest, 2)
    rest, _ = await read(
        pixel,
        pixel_pb.StreamOpensRequest(
            after_cursor=cursors[0], configuration_ids=[configuration_id], stop_at_head=True
        ),
        100,
    )

    assert both == [*first, *rest]
    assert len({each.event_id for each in both}) == 2
    assert {each.mail.message_id for each in both} == {answer.message_id}


async def test_splice_gives_the_same_message(
    configuration_id: str, injector: injector_pb_grpc.InjectorServiceAsyncStub
) -> None:
    """Whoever holds the message may fetch only the change."""
    requests = [
        injector_pb.RewriteMessageRequest(
            raw_message=NEWSLETTER, configuration_ids=[configuration_id], view=view
        )
        for view in (
            injector_pb.RewriteMessageRequest.VIEW_WHOLE,
            injector_pb.RewriteMessageRequest.VIEW_SPLICE,
        )
    ]
    whole, spliced = [await injector.RewriteMessage(request) for request in requests]
    splice = spliced.splice
    applied = (
        NEWSLETTER[: splice.offset]
        + splice.insert
        + NEWSLETTER[splice.offset + splice.delete_count :]
    )

    # Each call minted a message ID of its own, so each has its own pixel.
    assert pixel_url_of(applied) == spliced.pixel_url
    assert applied.replace(splice.insert, b"") == NEWSLETTER
    assert len(whole.raw_message) == len(applied)
    assert spliced.raw_message == b""


async def test_unknown_configuration_is_an_error_with_its_reason(
    injector: injector_pb_grpc.InjectorServiceAsyncStub,
) -> None:
    """A caller's mistake is told apart from a message that cannot be tracked."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await injector.RewriteMessage(
            injector_pb.RewriteMessageRequest(
                raw_message=NEWSLETTER, configuration_ids=["never-made"]
            )
        )

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type] # typed for sync calls
    assert status.details[0].Unpack(info)
    assert (info.reason, dict(info.metadata)) == (
        "CONFIGURATION_NOT_FOUND",
        {"configuration_id": "never-made"},
    )
