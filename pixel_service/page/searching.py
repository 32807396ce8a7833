"""Searches for opens, which may take as long as the log is large: a page waits so long for them."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc

# Up to a million opens; whoever wants more goes on from there.
PATIENCE: Final = dt.timedelta(seconds=10)


# Every step of a search has a response; whoever hears nothing for so long gives up.
SILENCE: Final = dt.timedelta(seconds=30)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search has found, and how far it came."""

    notifications: Sequence[open_notification_pb2.OpenNotification]
    last: pb.SearchOpensResponse


async def search(
    stub: "pb_grpc.PixelServiceAsyncStub",
    request: pb.SearchOpensRequest,
    *,
    patience: dt.timedelta = PATIENCE,
) -> Found:
    """Return what is found of *request* while a page waits.

    Raises:
        grpc.aio.AioRpcError: the service refuses, or does not answer.
        TimeoutError: it has said nothing in that time.
    """
    notifications: list[open_notification_pb2.OpenNotification] = []
    last: pb.SearchOpensResponse | None = None
    call = stub.SearchOpens(request)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience.total_seconds()):
                async for response in call:
                    notifications.extend(response.notifications)
                    last = response
    finally:
        call.cancel()
    if last is None:
        raise TimeoutError
    return Found(notifications=notifications, last=last)


async def all_opens(
    stub: "pb_grpc.PixelServiceAsyncStub", message_id: str, *, silence: dt.timedelta = SILENCE
) -> AsyncIterator[Sequence[open_notification_pb2.OpenNotification]]:
    """Yield all opens of a message, some at a time, the newest first.

    Raises:
        grpc.aio.AioRpcError: the service refuses, or does not answer.
        TimeoutError: it says nothing more.
    """
    request = pb.SearchOpensRequest(message_id=message_id, max_opens=1_000)
    is_complete = False
    while not is_complete:
        call = stub.SearchOpens(request)
        try:
            async for response in _heard(call, silence):
                request.before_cursor, is_complete = response.cursor, response.is_complete
                if response.notifications:
                    yield response.notifications
        finally:
            call.cancel()


async def _heard(
    call: AsyncIterable[pb.SearchOpensResponse], silence: dt.timedelta
) -> AsyncIterator[pb.SearchOpensResponse]:
    responses = aiter(call)
    while True:
        try:
            async with asyncio.timeout(silence.total_seconds()):
                response = await anext(responses)
        except StopAsyncIteration:
            return
        yield response
