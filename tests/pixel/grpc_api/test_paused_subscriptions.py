"""Subscriptions are paused and resumed, and say how their streams have ended."""

import asyncio
import datetime as dt
from pathlib import Path

import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from tests.pixel.grpc_api.rpc_values import failure_of, wrong_fields_of
from tests.pixel.grpc_api.test_subscription_streams import (
    acknowledge,
    batch_ids,
    create,
    drain,
    end_of,
    get,
    next_batch,
    started_of,
    stream,
)
from tests.pixel.open_log.log_values import LogHome, event_ids, new_open, new_opens, trim
from tests.pixel.service_values import StreamService, a_log, streaming

PAUSED = (grpc.StatusCode.FAILED_PRECONDITION, "SUBSCRIPTION_PAUSED")

# What ends, ends within moments; by then a test is broken.
SECONDS = 20.0


async def pause(service: StreamService) -> subscription_pb.Subscription:
    request = subscription_pb.PauseSubscriptionRequest(subscription_id="crm")
    return (await service.subscriptions.PauseSubscription(request)).subscription


async def resume(service: StreamService) -> subscription_pb.Subscription:
    request = subscription_pb.ResumeSubscriptionRequest(subscription_id="crm")
    return (await service.subscriptions.ResumeSubscription(request)).subscription


async def ended(service: StreamService) -> tuple[str, str]:
    """Return how the stream of `crm` has ended, once it has."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = await get(service)
            if not found.streaming:
                assert found.last_stream_end.HasField("end_time")
                return found.last_stream_end.code, found.last_stream_end.reason


async def test_pause_ends_the_stream_and_refuses_others_until_resumed(
    service: StreamService,
) -> None:
    """What was sent may be acknowledged; the next stream goes on after it, with all the rest."""
    opens = new_opens(4)
    await service.log.append(opens[:2])
    made = await create(service)
    call = stream(service)
    session_token = (await started_of(call)).session_token
    batch = await next_batch(call)
    streamed = await get(service)
    paused = await pause(service)
    code, reason, metadata = await end_of(call)
    await service.log.append(opens[2:])
    refused = await failure_of(drain(stream(service)))
    acknowledged = await acknowledge(service, batch.cursor, session_token)
    resumed = await resume(service)
    again = stream(service)
    await started_of(again)

    active = subscription_pb.Subscription.STATE_ACTIVE
    assert (made.state, made.streaming, made.HasField("last_stream_end")) == (active, False, False)
    assert (streamed.state, streamed.streaming) == (active, True)
    assert paused.state == subscription_pb.Subscription.STATE_PAUSED
    assert paused.HasField("pause_time")
    assert (paused.streaming, paused.last_stream_end.reason) == (False, PAUSED[1])
    assert ((code, reason), metadata["subscription_id"]) == (PAUSED, "crm")
    assert refused == (*PAUSED, {"subscription_id": "crm"})
    assert acknowledged == batch.cursor
    assert (resumed.state, resumed.HasField("pause_time"), resumed.lag) == (active, False, 2)
    assert batch_ids(await next_batch(again)) == event_ids(opens[2:])
    again.cancel()


async def test_pause_ends_the_stream_at_another_machine(log_home: LogHome) -> None:
    """Whichever machine is asked to pause, and however idle the stream is."""
    async with (
        log_home.connect_twice() as (log, other),
        streaming(log) as service,
        streaming(other) as elsewhere,
    ):
        await create(service)
        call = stream(service)
        await started_of(call)
        await pause(elsewhere)
        code, reason, _ = await end_of(call)
        refused = await failure_of(drain(stream(service)))
        await resume(service)
        again = stream(elsewhere)
        await started_of(again)
        again.cancel()

    assert (code, reason) == PAUSED
    assert refused[:2] == PAUSED


async def test_a_client_that_leaves_is_told_from_an_end_that_was_asked_for(
    service: StreamService,
) -> None:
    """Both are no error, and the first stays known while the next stream runs."""
    await create(service)
    call = stream(service)
    await started_of(call)
    call.cancel()
    left = await ended(service)
    again = stream(service, stop_at_head=True)
    await drain(again)

    assert left == ("CANCELLED", "")
    assert await ended(service) == ("OK", "")


async def test_a_stream_that_retention_has_overtaken_says_so(service: StreamService) -> None:
    """An operator sees what only the client was told before."""
    await service.log.append(new_opens(2))
    await create(service)
    await trim(service.log, older_than=dt.timedelta(0))
    code, reason, _ = await failure_of(drain(stream(service)))

    assert (code, reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_EXPIRED")
    assert await ended(service) == ("OUT_OF_RANGE", "CURSOR_EXPIRED")


async def test_a_client_that_does_not_read_is_named(tmp_path: Path) -> None:
    """At once, and not only when it has at last left."""
    # However much its machine would buffer.
    options = [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with (
        a_log(tmp_path) as log,
        streaming(log, stall_timeout=dt.timedelta(milliseconds=200)) as service,
        grpc.aio.insecure_channel(service.address, options=options) as channel,
    ):
        await log.append([new_open(octets=200_000) for _ in range(100)])
        await create(service)
        call = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(subscription_id="crm")
        )
        await started_of(call)

        assert await ended(service) == ("ABORTED", "CONSUMER_STALLED")
        call.cancel()


async def test_a_planned_stop_is_named(tmp_path: Path) -> None:
    """The next process says it, whoever asks."""
    async with a_log(tmp_path) as log:
        async with streaming(log, grace=dt.timedelta(milliseconds=200)) as service:
            await create(service)
            call = stream(service)
            await started_of(call)
            service.drain.begin()
            code, reason, _ = await end_of(call)
        async with streaming(log) as service:
            assert await ended(service) == (code.name, reason) == ("UNAVAILABLE", "DRAINING")


async def test_wrong_pause_and_resume_name_the_field(service: StreamService) -> None:
    """The ID is required."""
    for call in (
        service.subscriptions.PauseSubscription(
            subscription_pb.PauseSubscriptionRequest(subscription_id="-")
        ),
        service.subscriptions.ResumeSubscription(subscription_pb.ResumeSubscriptionRequest()),
    ):
        assert await wrong_fields_of(call) == ["subscription_id"]


async def test_streams_without_a_subscription_are_nobodys(service: StreamService) -> None:
    """They end without a word in the log."""
    await create(service)
    await drain(
        service.pixel.StreamOpens(
            pb.StreamOpensRequest(position=pb.POSITION_EARLIEST, stop_at_head=True)
        )
    )

    assert not (await get(service)).HasField("last_stream_end")
