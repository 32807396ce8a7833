"""Subscriptions, their streams and acknowledgements do what the contract says."""

from collections.abc import Awaitable

import grpc
import pytest

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from pixel_service.open_log import BEGINNING, encode_cursor
from tests.pixel.grpc_api.rpc_values import failure_of, info_of, wrong_fields_of
from tests.pixel.open_log.log_values import event_ids, new_open, new_opens
from tests.pixel.service_values import BEYOND, StreamService

Call = grpc.aio.UnaryStreamCall[pb.StreamOpensRequest, pb.StreamOpensResponse]


async def create(
    service: StreamService, subscription_id: str = "crm", **fields: object
) -> subscription_pb.Subscription:
    """Create a subscription from the earliest open on."""
    response = await service.subscriptions.CreateSubscription(
        subscription_pb.CreateSubscriptionRequest(
            subscription=subscription_pb.Subscription(id=subscription_id, **fields),  # type: ignore[arg-type] # as named
            position=pb.POSITION_EARLIEST,
        )
    )
    return response.subscription


async def get(service: StreamService, subscription_id: str = "crm") -> subscription_pb.Subscription:
    response = await service.subscriptions.GetSubscription(
        subscription_pb.GetSubscriptionRequest(subscription_id=subscription_id)
    )
    return response.subscription


def stream(service: StreamService, **fields: object) -> Call:
    """Start a stream of the subscription `crm` with frequent heartbeats."""
    request = pb.StreamOpensRequest(subscription_id="crm", **fields)  # type: ignore[arg-type] # as named
    request.heartbeat_interval.seconds = 1
    return service.pixel.StreamOpens(request)


async def started_of(call: Call) -> pb.StreamStarted:
    response = await call.read()
    assert isinstance(response, pb.StreamOpensResponse)
    assert response.HasField("started")
    return response.started


async def next_batch(call: Call) -> pb.OpenBatch:
    while True:
        response = await call.read()
        assert isinstance(response, pb.StreamOpensResponse)
        if response.HasField("batch"):
            return response.batch


async def next_heartbeat(call: Call) -> pb.StreamHeartbeat:
    response = await call.read()
    assert isinstance(response, pb.StreamOpensResponse)
    assert response.HasField("heartbeat")
    return response.heartbeat


async def end_of(call: Call) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Read *call* until it fails; return code, reason and metadata."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await drain(call)
    return info_of(caught.value)


async def drain(call: Call) -> None:
    while isinstance(await call.read(), pb.StreamOpensResponse):
        pass


async def acknowledge(service: StreamService, after: str, session_token: str) -> str:
    response = await service.pixel.AcknowledgeOpens(
        pb.AcknowledgeOpensRequest(subscription_id="crm", cursor=after, session_token=session_token)
    )
    return response.cursor


def batch_ids(batch: pb.OpenBatch) -> list[str]:
    return [each.event_id for each in batch.notifications]


# Streams


@pytest.mark.guarantee(
    "G4", "from its acknowledgement", "sees every later open", "duplicates carry the same event ID"
)
async def test_stream_continues_after_what_was_acknowledged(service: StreamService) -> None:
    """What was sent and not acknowledged comes again; what was, does not."""
    opens = new_opens(6)
    await service.log.append(opens)
    await create(service)
    first = stream(service, max_batch_size=2)
    session_token = (await started_of(first)).session_token
    batches = [await next_batch(first) for _ in range(3)]
    await acknowledge(service, batches[1].cursor, session_token)
    first.cancel()
    second = stream(service)
    started = await started_of(second)

    assert started.start_cursor == batches[1].cursor
    assert started.session_token not in ("", session_token)
    assert batch_ids(await next_batch(second)) == event_ids(opens[4:])
    second.cancel()


async def test_full_window_is_refilled_in_worthwhile_batches(service: StreamService) -> None:
    """A client that was slow once is not sent crumbs for ever: batches are counted."""
    await create(service)
    call = stream(service, max_outstanding=100)
    session_token = (await started_of(call)).session_token
    outstanding = []
    for _ in range(20):
        await service.log.append(new_opens(5))
        outstanding.append((await next_batch(call)).cursor)
    opens = new_opens(1_000)
    await service.log.append(opens)
    found: list[str] = []
    batches = 0
    while len(found) < len(opens):
        for cursor in outstanding:
            await acknowledge(service, cursor, session_token)
        batch = await next_batch(call)
        found += batch_ids(batch)
        outstanding = [batch.cursor]
        batches += 1
    call.cancel()

    assert found == event_ids(opens)
    # Of 100 at best, and of 50 at least; 200 if each batch let one as small follow.
    assert batches <= 25


async def test_acknowledging_ahead_does_not_stop_a_stream(service: StreamService) -> None:
    """Everything comes, although nothing that was sent is acknowledged after that."""
    opens = new_opens(1_000)
    await service.log.append(opens)
    await create(service)
    call = stream(service, max_outstanding=100)
    started = await started_of(call)
    await acknowledge(service, started.head_cursor, started.session_token)
    found: list[str] = []
    while len(found) < len(opens):
        found += batch_ids(await next_batch(call))
    call.cancel()

    assert found == event_ids(opens)


async def test_every_subscription_gets_everything(service: StreamService) -> None:
    """They do not share opens among them."""
    opens = new_opens(5)
    await service.log.append(opens)
    await create(service, "crm")
    await create(service, "audit")
    call = stream(service)
    other = service.pixel.StreamOpens(pb.StreamOpensRequest(subscription_id="audit"))
    for each in (call, other):
        await started_of(each)
        assert batch_ids(await next_batch(each)) == event_ids(opens)
        each.cancel()


async def test_subscription_has_its_own_selection(service: StreamService) -> None:
    """Configurations and filter are those that it was created with."""
    opens = [
        new_open(configuration_id="news"),
        new_open(configuration_id="shop"),
        new_open(configuration_id="shop", agent=4),
    ]
    await service.log.append(opens)
    await create(
        service,
        configuration_ids=["shop"],
        filter=pb.OpenFilter(exclude_agents=[notification_pb.AGENT_SCANNER]),
    )
    call = stream(service)
    await started_of(call)

    assert batch_ids(await next_batch(call)) == [opens[1].event_id]
    call.cancel()


async def test_newer_stream_takes_over(service: StreamService) -> None:
    """The older one ends with its reason; its session acknowledges no more."""
    await service.log.append(new_opens(2))
    await create(service)
    older = stream(service, consumer_name="older")
    stale = (await started_of(older)).session_token
    batch = await next_batch(older)
    newer = stream(service, consumer_name="newer")
    live = (await started_of(newer)).session_token
    code, reason, metadata = await end_of(older)
    refused = await failure_of(
        service.pixel.AcknowledgeOpens(
            pb.AcknowledgeOpensRequest(
                subscription_id="crm", cursor=batch.cursor, session_token=stale
            )
        )
    )

    assert (code, reason) == (grpc.StatusCode.ABORTED, "SUBSCRIPTION_TAKEN_OVER")
    assert metadata["subscription_id"] == "crm"
    assert refused == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "SESSION_STALE",
        {"subscription_id": "crm"},
    )
    assert await acknowledge(service, batch.cursor, live) == batch.cursor
    assert (await get(service)).consumer_name == "newer"
    newer.cancel()


async def test_stream_waits_for_acknowledgements(service: StreamService) -> None:
    """No more than `max_outstanding` are on their way; heartbeats say why; then it goes on."""
    opens = new_opens(10)
    await service.log.append(opens)
    await create(service)
    call = stream(service, max_outstanding=4, max_batch_size=3)
    started = await started_of(call)
    batches = [await next_batch(call) for _ in range(2)]
    heartbeat = await next_heartbeat(call)
    await acknowledge(service, batches[0].cursor, started.session_token)
    third = await next_batch(call)

    assert started.max_outstanding == 4
    assert [len(batch.notifications) for batch in batches] == [3, 1]
    assert heartbeat.waiting_for_acknowledgement
    assert heartbeat.cursor == batches[1].cursor
    assert (heartbeat.caught_up, heartbeat.lag) == (False, 6)
    assert batch_ids(third) == event_ids(opens[4:7])
    call.cancel()


# Acknowledgements


async def test_acknowledging_is_cumulative_and_monotonic(service: StreamService) -> None:
    """An older cursor is accepted and changes nothing."""
    await service.log.append(new_opens(4))
    await create(service)
    call = stream(service, max_batch_size=1)
    session_token = (await started_of(call)).session_token
    cursors = [(await next_batch(call)).cursor for _ in range(4)]

    assert await acknowledge(service, cursors[2], session_token) == cursors[2]
    assert await acknowledge(service, cursors[0], session_token) == cursors[2]
    subscription = await get(service)
    assert (subscription.acknowledged_cursor, subscription.lag) == (cursors[2], 1)
    call.cancel()


async def test_acknowledging_what_was_never_there_is_refused(service: StreamService) -> None:
    """A cursor beyond the end of the log is of a log that was replaced."""
    await create(service)
    call = stream(service)
    session_token = (await started_of(call)).session_token
    ahead = encode_cursor(BEYOND, service.log.identity)
    code, reason, _ = await failure_of(
        service.pixel.AcknowledgeOpens(
            pb.AcknowledgeOpensRequest(
                subscription_id="crm", cursor=ahead, session_token=session_token
            )
        )
    )

    assert (code, reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD")
    call.cancel()


async def test_wrong_acknowledgement_names_every_field(service: StreamService) -> None:
    """All fields are required."""
    call = service.pixel.AcknowledgeOpens(pb.AcknowledgeOpensRequest())

    assert await wrong_fields_of(call) == ["subscription_id", "cursor", "session_token"]


async def test_unknown_subscription_is_not_found(service: StreamService) -> None:
    """By every call that names one."""
    subscriptions = service.subscriptions
    calls: list[Awaitable[object]] = [
        subscriptions.GetSubscription(
            subscription_pb.GetSubscriptionRequest(subscription_id="crm")
        ),
        subscriptions.SeekSubscription(
            subscription_pb.SeekSubscriptionRequest(
                subscription_id="crm", position=pb.POSITION_LATEST
            )
        ),
        subscriptions.PauseSubscription(
            subscription_pb.PauseSubscriptionRequest(subscription_id="crm")
        ),
        subscriptions.ResumeSubscription(
            subscription_pb.ResumeSubscriptionRequest(subscription_id="crm")
        ),
        subscriptions.DeleteSubscription(
            subscription_pb.DeleteSubscriptionRequest(subscription_id="crm")
        ),
        service.pixel.AcknowledgeOpens(
            pb.AcknowledgeOpensRequest(
                subscription_id="crm",
                cursor=encode_cursor(BEGINNING, service.log.identity),
                session_token="x",  # noqa: S106 - of a session that never was
            )
        ),
        drain(stream(service)),
    ]
    expected = (
        grpc.StatusCode.NOT_FOUND,
        "SUBSCRIPTION_NOT_FOUND",
        {"subscription_id": "crm"},
    )
    for call in calls:
        assert await failure_of(call) == expected


# The resource


async def test_created_subscription_is_kept_as_it_was_asked_for(service: StreamService) -> None:
    """All that was given comes back, with what the service adds."""
    await service.log.append(new_opens(3))
    wanted = pb.OpenFilter(
        exclude_agents=[notification_pb.AGENT_SCANNER],
        min_confidence=notification_pb.CONFIDENCE_MEDIUM,
        first_open_only=True,
    )
    made = await create(service, configuration_ids=["b", "a"], filter=wanted)

    assert made == await get(service)
    assert (made.id, sorted(made.configuration_ids), made.filter) == ("crm", ["a", "b"], wanted)
    assert (made.lag, made.fell_behind, made.consumer_name) == (3, False, "")
    assert made.HasField("create_time")


async def test_id_is_made_when_none_is_given(service: StreamService) -> None:
    """Two such subscriptions differ."""
    assert (await create(service, "")).id != (await create(service, "")).id != ""


async def test_taken_id_is_refused(service: StreamService) -> None:
    """The first subscription stays as it is."""
    await create(service)
    call = create(service)

    assert await failure_of(call) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "SUBSCRIPTION_EXISTS",
        {"subscription_id": "crm"},
    )


async def test_wrong_subscription_names_every_field(service: StreamService) -> None:
    """A bad ID, bad configurations, a missing start."""
    call = service.subscriptions.CreateSubscription(
        subscription_pb.CreateSubscriptionRequest(
            subscription=subscription_pb.Subscription(id="-", configuration_ids=["X"])
        )
    )

    assert await wrong_fields_of(call) == [
        "subscription.id",
        "subscription.configuration_ids[0]",
        "start",
    ]


async def test_list_pages_by_id(service: StreamService) -> None:
    """All of them, ordered, until the token is empty."""
    names = [f"s{number:02}" for number in range(7)]
    for name in reversed(names):
        await create(service, name)
    found: list[str] = []
    request = subscription_pb.ListSubscriptionsRequest(page_size=3)
    while True:
        page = await service.subscriptions.ListSubscriptions(request)
        assert len(page.subscriptions) <= 3
        found += [each.id for each in page.subscriptions]
        request.page_token = page.next_page_token
        if not request.page_token:
            break

    assert found == names


async def test_wrong_page_of_subscriptions_names_every_field(service: StreamService) -> None:
    """A negative size and a token that is none."""
    call = service.subscriptions.ListSubscriptions(
        subscription_pb.ListSubscriptionsRequest(page_size=-1, page_token="%")  # noqa: S106 - of a page
    )

    assert await wrong_fields_of(call) == ["page_size", "page_token"]


async def test_seek_moves_and_ends_the_stream(service: StreamService) -> None:
    """Back to the start: everything comes again, on a new stream."""
    opens = new_opens(3)
    await service.log.append(opens)
    await create(service)
    call = stream(service)
    session_token = (await started_of(call)).session_token
    await acknowledge(service, (await next_batch(call)).cursor, session_token)
    moved = await service.subscriptions.SeekSubscription(
        subscription_pb.SeekSubscriptionRequest(
            subscription_id="crm", position=pb.POSITION_EARLIEST
        )
    )
    code, reason, _ = await end_of(call)
    again = stream(service)
    await started_of(again)

    assert moved.subscription.lag == 3
    assert (code, reason) == (grpc.StatusCode.ABORTED, "SUBSCRIPTION_TAKEN_OVER")
    assert batch_ids(await next_batch(again)) == event_ids(opens)
    again.cancel()


async def test_delete_ends_the_stream(service: StreamService) -> None:
    """The stream's end says why."""
    await create(service)
    call = stream(service)
    await started_of(call)
    await service.subscriptions.DeleteSubscription(
        subscription_pb.DeleteSubscriptionRequest(subscription_id="crm")
    )
    code, reason, _ = await end_of(call)

    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "SUBSCRIPTION_NOT_FOUND")
