"""PixelService.StreamOpens: from a call to a `LogStream`, and its events to octets."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from typing import Final

import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.errors import ConsumerStalled
from pixel_service.grpc_api.own_subscriptions import own_subscriptions
from pixel_service.grpc_api.requests import StreamRequest, narrowed, read_stream_request
from pixel_service.grpc_api.responses import event_octets, started_octets
from pixel_service.open_log import OpenLog, Position, Session
from pixel_service.streaming import (
    Acknowledging,
    LiveStreams,
    LogStream,
    Selection,
    StreamEvent,
    StreamOptions,
    Tail,
    Window,
    check,
    position_of,
    watching_acknowledgements,
)
from service_runtime.call_end import when_call_ends
from service_runtime.callers import ANYBODY, current_caller
from service_runtime.drain import Drain
from service_runtime.errors import Draining
from service_runtime.grpc_handlers import write_response

# How long a write may make no progress.
DEFAULT_STALL_TIMEOUT: Final = dt.timedelta(seconds=60)

# Serialized responses, because a batch is never an object here.
StreamContext = grpc.aio.ServicerContext[pb.StreamOpensRequest, bytes]


def _limited_caller() -> str | None:
    """Return whom the streams of the call that runs count for; None where all are anybody."""
    caller = current_caller()
    return None if caller is ANYBODY else caller.name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StreamServicer:
    """Serves streams of opens."""

    open_log: OpenLog
    tail: Tail
    streams: LiveStreams
    drain: Drain
    stall_timeout: dt.timedelta = DEFAULT_STALL_TIMEOUT

    async def StreamOpens(self, request: pb.StreamOpensRequest, context: StreamContext) -> None:
        """Stream opens in log order.

        Writes them to *context*: a generator would not learn that a write makes no
        progress, because it is suspended meanwhile.
        """
        await self._stream(read_stream_request(request), context)

    async def _stream(self, request: StreamRequest, context: StreamContext) -> None:
        if self.drain.is_draining:
            raise Draining
        async with contextlib.AsyncExitStack() as stack:
            wake = stack.enter_context(
                self.streams.admit(
                    lambda leave: context.add_done_callback(lambda _: leave()),  # type: ignore[arg-type] # the stubs want a class of their own
                    caller=_limited_caller(),
                )
            )
            stack.enter_context(self.tail.needed())
            session = await self._begin_session(request)
            start = await self._start(request, session)
            head = await self.open_log.head()
            options = StreamOptions(
                selection=_selection(request, session),
                max_batch_size=request.max_batch_size,
                heartbeat_interval=request.heartbeat_interval,
                stop_at=head if request.stop_at_head else None,
            )
            await self._send_started(request, session, context, start=start, head=head)
            subscribed = await self._acknowledging(request, session, wake, stack)
            await self._run(context, wake, start, options, subscribed)

    async def _begin_session(self, request: StreamRequest) -> Session | None:
        if not request.subscription_id:
            return None
        store = self.open_log.subscriptions
        session = await own_subscriptions(store).begin_session(
            request.subscription_id, consumer_name=request.consumer_name
        )
        when_call_ends(
            lambda end: store.end_session(session, code=end.code.name, reason=end.reason)
        )
        return session

    async def _start(self, request: StreamRequest, session: Session | None) -> Position:
        if session is None:
            return await position_of(request.start, self.open_log)
        await check(session.subscription.acknowledged, self.open_log)
        return session.subscription.acknowledged

    async def _send_started(
        self,
        request: StreamRequest,
        session: Session | None,
        context: StreamContext,
        *,
        start: Position,
        head: Position,
    ) -> None:
        octets = started_octets(
            request,
            self.open_log.identity,
            start=start,
            earliest=await self.open_log.earliest(),
            head=head,
            session_token="" if session is None else session.token,
        )
        await write_response(context, octets)

    async def _acknowledging(
        self,
        request: StreamRequest,
        session: Session | None,
        wake: asyncio.Event,
        stack: contextlib.AsyncExitStack,
    ) -> Acknowledging | None:
        if session is None:
            return None
        return await stack.enter_async_context(
            watching_acknowledgements(
                self.open_log.subscriptions,
                session,
                window=Window(request.max_outstanding, max_batch_size=request.max_batch_size),
                wake=wake,
            )
        )

    async def _run(
        self,
        context: StreamContext,
        wake: asyncio.Event,
        start: Position,
        options: StreamOptions,
        subscribed: Acknowledging | None,
    ) -> None:
        async def send(event: StreamEvent) -> None:
            try:
                async with asyncio.timeout(self.stall_timeout.total_seconds()):
                    await write_response(context, event_octets(event, self.open_log.identity))
            except TimeoutError:
                raise ConsumerStalled(cursor=stream.cursor) from None

        stream = LogStream(
            open_log=self.open_log,
            tail=self.tail,
            drain=self.drain,
            wake=wake,
            send=send,
            start=start,
            options=options,
            acknowledging=subscribed,
        )
        await stream.run()


def _selection(request: StreamRequest, session: Session | None) -> Selection:
    if session is None:
        # A subscription has been narrowed when it was created.
        return narrowed(request.selection)
    return Selection(
        configuration_ids=frozenset(session.subscription.configuration_ids),
        filter=session.subscription.filter,
    )
