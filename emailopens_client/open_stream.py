"""The loop around `PixelService.StreamOpens` that every client needs, once and right."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Final, Self

import grpc

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens_client.backoff import Backoff
from emailopens_client.failures import is_passing, is_passing_acknowledgement
from emailopens_client.seen import SeenEvents
from emailopens_client.start import LogEnd, set_start
from emailopens_client.targets import PIXEL_SERVICE_PORT, with_port

# Intervals without a sign of life after which a stream is dead (`StreamOpens`).
SILENT_INTERVALS: Final = 3

DEFAULT_HEARTBEAT: Final = dt.timedelta(seconds=15)

# A commit and a way there and back; storage that fails over takes longer than any
# client should wait before it looks for another process.
ACKNOWLEDGE_SECONDS: Final = 10.0

# Each attempt has a connection of its own: a shared one that is dead without
# having noticed would be dead for the next attempt, too. A batch has 1 MiB and a
# notification that did not fit.
OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    # Tells a dead connection between two heartbeats. Servers say GOAWAY to pings
    # that come faster than every 10 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)

OnFailure = Callable[[grpc.aio.AioRpcError | None], None]
Call = grpc.aio.UnaryStreamCall[pb.StreamOpensRequest, pb.StreamOpensResponse]


class OpenStream:
    """Notifications of a pixel service, in order, for ever.

    Use it in both statements:

        async with OpenStream("pixel:50052", subscription_id="crm") as opens:
            async for notification in opens:
                ...

    It calls again when the connection fails, is silent for three heartbeat
    intervals, or the service drains, with waits of 0.2 to 30 s; it starts there
    where it stopped, and leaves out what it has delivered already. With a
    subscription it acknowledges a batch when the body has run for all of it; a
    body that raises leaves its batch unacknowledged, and the next stream delivers
    it again. Without one, keep `cursor` and start there the next time.

    Iterating raises `grpc.aio.AioRpcError` for what calling again does not help:
    opens lost to retention, another client that took the subscription over, a
    wrong request.

    Args:
        target: the service, as gRPC names it: `host:port` or `dns:///name:port`; the
            port is 50052 unless one is given.
        subscription_id: continue this subscription.
        after_cursor: start after this cursor.
        from_time: start with the first open recorded since; with a zone.
        position: start at one end of the log.
        configuration_ids: only opens of these.
        open_filter: only opens that pass.
        max_batch_size: see `StreamOpensRequest`; 0 is the service's default.
        max_outstanding: likewise.
        heartbeat_interval: 1 to 50 s.
        stop_at_head: end once everything recorded at the start was delivered.
        consumer_name: a name in the operator's tools.
        credentials: for TLS; None for a connection in the clear.
        on_failure: called before each wait with what has failed, None for silence; what
            it raises ends the iteration.
    """

    def __init__(  # noqa: PLR0913 - the fields of the request, by their names
        self,
        target: str,
        *,
        subscription_id: str | None = None,
        after_cursor: str | None = None,
        from_time: dt.datetime | None = None,
        position: LogEnd | None = None,
        configuration_ids: Sequence[str] = (),
        open_filter: pb.OpenFilter | None = None,
        max_batch_size: int = 0,
        max_outstanding: int = 0,
        heartbeat_interval: dt.timedelta = DEFAULT_HEARTBEAT,
        stop_at_head: bool = False,
        consumer_name: str = "",
        credentials: grpc.ChannelCredentials | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Describe a stream; nothing is called before it is iterated.

        Raises:
            ValueError: not exactly one start is given.
        """
        self._target = with_port(target, PIXEL_SERVICE_PORT)
        self._credentials = credentials
        self._on_failure = on_failure
        self._request = pb.StreamOpensRequest(
            configuration_ids=configuration_ids,
            filter=open_filter,
            max_batch_size=max_batch_size,
            max_outstanding=max_outstanding,
            stop_at_head=stop_at_head,
            consumer_name=consumer_name,
        )
        set_start(
            self._request,
            subscription_id=subscription_id,
            after_cursor=after_cursor,
            from_time=from_time,
            position=position,
        )
        self._request.heartbeat_interval.FromTimedelta(heartbeat_interval)
        self._subscription_id = subscription_id or ""
        self._silence = heartbeat_interval.total_seconds() * SILENT_INTERVALS
        self._seen = SeenEvents()
        self._iterator = self._notifications()
        self.cursor = ""
        """Everything up to here was processed; empty before the first response."""
        self.caught_up = False
        """Whether the last heartbeat said that the end of the log was reached."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._iterator.aclose()

    def __aiter__(self) -> AsyncIterator[open_notification_pb2.OpenNotification]:
        return self._iterator

    async def _notifications(
        self,
    ) -> AsyncGenerator[open_notification_pb2.OpenNotification, None]:
        backoff = Backoff()
        while True:
            async with contextlib.aclosing(self._one_call(backoff)) as notifications:
                try:
                    async for notification in notifications:
                        yield notification
                except _Again as again:
                    failure = again.failure
                else:
                    return
            if self._on_failure is not None:
                self._on_failure(failure)
            await asyncio.sleep(backoff.next_seconds())

    async def _one_call(
        self, backoff: Backoff
    ) -> AsyncGenerator[open_notification_pb2.OpenNotification, None]:
        """Yield what one call brings.

        Raises:
            _Again: the call has failed in a way that passes.
            grpc.aio.AioRpcError: it has failed for good.
        """
        async with self._channel() as channel:
            stub = pb_grpc.PixelServiceStub(channel)
            call: Call = stub.StreamOpens(self._request)
            session_token = ""
            while (response := await self._next(call)) is not None:
                if response.HasField("started"):
                    backoff.connected()
                    session_token = response.started.session_token
                    self._started(response.started)
                for notification in response.batch.notifications:
                    if self._seen.add(notification.event_id):
                        yield notification
                await self._processed(response, stub, session_token)

    def _channel(self) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._target, options=OPTIONS)
        return grpc.aio.secure_channel(self._target, self._credentials, options=OPTIONS)

    async def _next(self, call: Call) -> pb.StreamOpensResponse | None:
        """Return the next response; None at the end that was asked for."""
        try:
            async with asyncio.timeout(self._silence):
                response = await call.read()
        except TimeoutError:
            raise _Again(None) from None
        except grpc.aio.AioRpcError as error:
            if is_passing(error):
                raise _Again(error) from error
            raise
        # grpc.aio's mark of the end is no response.
        return response if isinstance(response, pb.StreamOpensResponse) else None

    def _started(self, started: pb.StreamStarted) -> None:
        self._silence = started.heartbeat_interval.ToTimedelta().total_seconds() * SILENT_INTERVALS
        self._move_to(started.start_cursor)

    async def _processed(
        self,
        response: pb.StreamOpensResponse,
        stub: "pb_grpc.PixelServiceAsyncStub",
        session_token: str,
    ) -> None:
        """Note that *response* is done with, here and at the service."""
        match response.WhichOneof("event"):
            case "batch":
                cursor = response.batch.cursor
                self.caught_up = False
            case "heartbeat":
                cursor = response.heartbeat.cursor
                self.caught_up = response.heartbeat.caught_up
            case _:
                return
        if cursor == self.cursor:
            return
        if self._subscription_id:
            await self._acknowledge(cursor, stub, session_token)
        self._move_to(cursor)

    def _move_to(self, cursor: str) -> None:
        self.cursor = cursor
        # From now on an open is missed by nobody: the next call starts here. With a
        # subscription the service knows where.
        if not self._subscription_id:
            self._request.after_cursor = cursor

    async def _acknowledge(
        self, cursor: str, stub: "pb_grpc.PixelServiceAsyncStub", session_token: str
    ) -> None:
        request = pb.AcknowledgeOpensRequest(
            subscription_id=self._subscription_id, cursor=cursor, session_token=session_token
        )
        try:
            await stub.AcknowledgeOpens(request, timeout=ACKNOWLEDGE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if is_passing_acknowledgement(error):
                raise _Again(error) from error
            raise


class _Again(Exception):
    """The call is over, and another one goes on where it stopped."""

    def __init__(self, failure: grpc.aio.AioRpcError | None) -> None:
        super().__init__()
        self.failure = failure
