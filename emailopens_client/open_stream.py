"""The loop around `PixelService.StreamOpens` that every client needs, once and right."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

import grpc

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens_client.api_keys import ApiKeyFile, ApiKeyUnusable
from emailopens_client.backoff import Backoff
from emailopens_client.channels import Credentials, TlsFilesUnusable
from emailopens_client.seen import SeenEvents
from emailopens_client.start import LogEnd, set_start
from emailopens_client.stream_call import CallFailed, StreamCall, calling
from emailopens_client.targets import PIXEL_SERVICE_PORT, with_port

# Intervals without a sign of life after which a stream is dead (`StreamOpens`).
SILENT_INTERVALS: Final = 3

DEFAULT_HEARTBEAT: Final = dt.timedelta(seconds=15)

Notification = open_notification_pb2.OpenNotification
OnFailure = Callable[[grpc.aio.AioRpcError | None], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What came together."""

    notifications: Sequence[Notification]
    """At least one, in the order of the log; without those that were delivered before."""
    cursor: str
    """After all of them, and after what did not match: where to start the next time."""


class OpenStream:
    """Notifications of a pixel service, in order, for ever.

    Use it in both statements:

        async with OpenStream("pixel:50052", subscription_id="crm") as opens:
            async for notification in opens:
                ...

    It calls again when the connection fails, is silent for three heartbeat intervals,
    the service drains, or the subscription is paused, with waits of 0.2 to 30 s; it starts
    there where it stopped, and leaves out what it has delivered already. With a
    subscription it acknowledges a batch when the body has run for all of it; a
    body that raises leaves its batch unacknowledged, and the next stream delivers
    it again. Without one, keep `cursor` and start there the next time.

    `cursor` moves when the body has run for a whole batch. To process exactly once,
    iterate over `batches` and keep the cursor of each in the transaction that processes
    it.

    A wait that is given up changes nothing: after `asyncio.wait_for(anext(opens), 1)` has
    timed out, the next notification is still the next one. One task may wait at a time.

    Iterating raises `grpc.aio.AioRpcError` for what calling again does not help:
    opens lost to retention, another client that took the subscription over, a
    wrong request. It raises `TlsFilesUnusable` or `ApiKeyUnusable` if that is so from
    the beginning.

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
        credentials: `Tls`, whose files are read for each connection, or gRPC's own; None
            for a connection in the clear.
        api_key: the file with the API key, which is read for each connection; without it
            what `EMAILOPENS_API_KEY_FILE` names, if anything.
        on_failure: called before each wait with what has failed (`is_pause` knows a pause),
            None for silence and for unusable files; what it raises ends the iteration.
    """

    cursor: str = ""
    """Everything up to here was processed; empty before the first response."""

    caught_up: bool = False
    """Whether the last heartbeat said that the end of the log was reached."""

    held_back_since: dt.datetime | None = None
    """Since when, as the last heartbeat said, opens are recorded that may not be sent yet."""

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
        credentials: Credentials | None = None,
        api_key: ApiKeyFile | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Describe a stream; nothing is called before it is iterated.

        Raises:
            ValueError: not exactly one start is given.
        """
        self._target = with_port(target, PIXEL_SERVICE_PORT)
        self._credentials = credentials
        self._api_key = api_key or ApiKeyFile()
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
        self._silence = heartbeat_interval.total_seconds() * SILENT_INTERVALS
        self._seen = SeenEvents()
        self._responses = self._processed_batches()
        self._step: asyncio.Task[pb.OpenBatch | None] | None = None
        self._waiting: Iterator[Notification] = iter(())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._step is not None:
            self._step.cancel()
            await asyncio.gather(self._step, return_exceptions=True)  # its error is nobody's now
        await self._responses.aclose()

    def __aiter__(self) -> AsyncIterator[Notification]:
        return self

    async def __anext__(self) -> Notification:
        """Return the next notification.

        Raises:
            grpc.aio.AioRpcError: see the class.
        """
        while True:
            for notification in self._waiting:
                if self._seen.add(notification.event_id):
                    return notification
            self._waiting = iter((await self._next()).notifications)

    def batches(self) -> AsyncIterator[Batch]:
        """Iterate over whole batches instead; each counts as processed with the next."""
        return _Batches(self)

    async def next_batch(self) -> Batch:
        """Return the next batch, after the one before was processed.

        Raises:
            StopAsyncIteration: at the end that was asked for.
            grpc.aio.AioRpcError: see the class. The stream is over, and every further
                call raises it again.
        """
        while True:
            batch = await self._next()
            fresh = [each for each in batch.notifications if self._seen.add(each.event_id)]
            if fresh:
                return Batch(notifications=fresh, cursor=batch.cursor)

    async def _next(self) -> pb.OpenBatch:
        # A task, so that it goes on when whoever waits for it is cancelled: cancelled itself,
        # it would end the call.
        step = self._step = self._step or asyncio.create_task(self._advance())
        await asyncio.wait({step})
        batch = step.result()
        if batch is None:
            raise StopAsyncIteration
        self._step = None
        return batch

    async def _advance(self) -> pb.OpenBatch | None:
        return await anext(self._responses, None)

    async def _processed_batches(self) -> AsyncGenerator[pb.OpenBatch, None]:
        """Yield batches; one was processed when the next is asked for."""
        backoff = Backoff()
        while True:
            async with contextlib.aclosing(self._one_call(backoff)) as batches:
                try:
                    async for batch in batches:
                        yield batch
                except CallFailed as failed:
                    failure = failed.error
                except grpc.aio.AioRpcError as error:
                    if not self._api_key.explains(error):
                        raise
                    failure = error
                except (TlsFilesUnusable, ApiKeyUnusable):
                    # Of a stream that has run, they are being renewed.
                    if not self.cursor:
                        raise
                    failure = None
                else:
                    return
            if self._on_failure is not None:
                self._on_failure(failure)
            await asyncio.sleep(backoff.next_seconds())

    async def _one_call(self, backoff: Backoff) -> AsyncGenerator[pb.OpenBatch, None]:
        """Yield what one call brings.

        Raises:
            CallFailed: the call has failed in a way that passes.
            grpc.aio.AioRpcError: it has failed for good.
        """
        async with calling(
            self._target, self._request, credentials=self._credentials, api_key=self._api_key
        ) as call:
            while (response := await call.next(seconds=self._silence)) is not None:
                if response.HasField("started"):
                    backoff.connected()
                    call.session_token = response.started.session_token
                    self._started(response.started)
                elif response.HasField("batch"):
                    yield response.batch
                await self._processed(response, call)

    def _started(self, started: pb.StreamStarted) -> None:
        self._silence = started.heartbeat_interval.ToTimedelta().total_seconds() * SILENT_INTERVALS
        self._move_to(started.start_cursor)

    async def _processed(self, response: pb.StreamOpensResponse, call: StreamCall) -> None:
        """Note that *response* is done with, here and at the service."""
        match response.WhichOneof("event"):
            case "batch":
                cursor = response.batch.cursor
                self.caught_up, self.held_back_since = False, None
            case "heartbeat":
                cursor = response.heartbeat.cursor
                self.caught_up = response.heartbeat.caught_up
                self.held_back_since = _time_of(response.heartbeat)
            case _:
                return
        if cursor != self.cursor:
            await call.acknowledge(cursor)
            self._move_to(cursor)

    def _move_to(self, cursor: str) -> None:
        self.cursor = cursor
        # From now on an open is missed by nobody: the next call starts here. With a
        # subscription the service knows where.
        if not self._request.subscription_id:
            self._request.after_cursor = cursor


def _time_of(heartbeat: pb.StreamHeartbeat) -> dt.datetime | None:
    if not heartbeat.HasField("held_back_since"):
        return None
    return heartbeat.held_back_since.ToDatetime(dt.UTC)


class _Batches:
    """No generator: a wait for it that is given up would end it."""

    def __init__(self, opens: OpenStream) -> None:
        self._opens = opens

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        return await self._opens.next_batch()
