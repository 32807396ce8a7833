"""StreamOpens does what the comments of `pixel_service.proto` say, over a real channel."""

import asyncio
import contextlib
import datetime as dt
import sqlite3
from pathlib import Path

import grpc
import pytest
import structlog

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.open_log import LogIdentity, Position, encode_cursor
from tests.pixel.grpc_api.rpc_values import fields_of, info_of
from tests.pixel.open_log.log_values import event_ids, new_open, new_opens, trim
from tests.pixel.service_values import BEYOND, StreamService, a_log, streaming

EARLIEST = pb.POSITION_EARLIEST
LATEST = pb.POSITION_LATEST
Call = grpc.aio.UnaryStreamCall[pb.StreamOpensRequest, pb.StreamOpensResponse]


async def next_of(call: Call, kind: str) -> pb.StreamOpensResponse:
    """Return the next response, which must be of *kind*."""
    response = await call.read()
    assert isinstance(response, pb.StreamOpensResponse)
    assert response.WhichOneof("event") == kind
    return response


async def next_event_ids(call: Call, count: int) -> list[str]:
    """Return the event IDs of the next *count* notifications, heartbeats apart."""
    found: list[str] = []
    while len(found) < count:
        response = await call.read()
        assert isinstance(response, pb.StreamOpensResponse)
        found += [each.event_id for each in response.batch.notifications]
    return found


async def everything(service: StreamService, **fields: object) -> list[pb.StreamOpensResponse]:
    """Return all responses of a stream that stops at the head."""
    request = pb.StreamOpensRequest(stop_at_head=True, **fields)  # type: ignore[arg-type] # as named
    return [response async for response in service.pixel.StreamOpens(request)]


def event_ids_in(responses: list[pb.StreamOpensResponse]) -> list[str]:
    return [each.event_id for response in responses for each in response.batch.notifications]


async def read_to_the_end(call: Call, responses: list[pb.StreamOpensResponse]) -> None:
    while isinstance(response := await call.read(), pb.StreamOpensResponse):
        responses.append(response)


async def until_fewer_streams(service: StreamService, count: int) -> None:
    """Wait until *service* has fewer than *count* streams."""
    while len(service.streams) >= count:  # noqa: ASYNC110 - nobody else wants to be told
        await asyncio.sleep(0.001)


async def failure_of(
    call: Call, responses: list[pb.StreamOpensResponse] | None = None
) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Read *call* to its end, into *responses*; return code, reason and metadata."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read_to_the_end(call, [] if responses is None else responses)
    return info_of(caught.value)


# Starting


async def test_started_is_first_and_comes_at_once(service: StreamService) -> None:
    """An empty log, too, answers at once: log, cursors, and the limits that apply."""
    call = service.pixel.StreamOpens(pb.StreamOpensRequest(position=LATEST))
    started = (await next_of(call, "started")).started

    assert started.log_id == service.log.identity.log_id
    assert started.start_cursor == started.head_cursor == started.earliest_cursor
    assert started.max_batch_size == 1_000
    assert started.heartbeat_interval.ToTimedelta() == dt.timedelta(seconds=15)
    assert (started.session_token, started.max_outstanding) == ("", 0)
    call.cancel()


@pytest.mark.parametrize(
    ("asked", "applies"), [(0, 1), (1, 1), (20, 20), (50, 50), (51, 50), (10**10, 50), (-5, 1)]
)
async def test_heartbeat_interval_is_taken_into_its_range(
    asked: int, applies: int, service: StreamService
) -> None:
    """Shorter than 1 s is 1 s, longer than 50 s is 50 s."""
    request = pb.StreamOpensRequest(position=LATEST)
    request.heartbeat_interval.seconds = asked
    call = service.pixel.StreamOpens(request)
    started = (await next_of(call, "started")).started

    assert started.heartbeat_interval.seconds == applies
    call.cancel()


async def test_earliest_replays_everything_in_order(service: StreamService) -> None:
    """All that was recorded comes, in the order of recording."""
    opens = new_opens(2_500)
    await service.log.append(opens)

    assert event_ids_in(await everything(service, position=EARLIEST)) == event_ids(opens)


async def test_latest_starts_after_what_is_there(service: StreamService) -> None:
    """Only what is recorded later comes."""
    await service.log.append(new_opens(3))
    call = service.pixel.StreamOpens(pb.StreamOpensRequest(position=LATEST))
    await next_of(call, "started")
    later = new_opens(2)
    await service.log.append(later)

    assert await next_event_ids(call, 2) == event_ids(later)
    call.cancel()


async def test_time_starts_with_the_first_open_recorded_since(service: StreamService) -> None:
    """What was recorded before that time does not come."""
    await service.log.append(new_opens(3))
    time = dt.datetime.now(dt.UTC)
    later = new_opens(2)
    await service.log.append(later)
    request = pb.StreamOpensRequest(stop_at_head=True)
    request.from_time.FromDatetime(time)
    responses = [response async for response in service.pixel.StreamOpens(request)]

    assert event_ids_in(responses) == event_ids(later)


@pytest.mark.guarantee(
    "G4", "A subscriber that resumes from its last cursor", "sees every later open"
)
async def test_every_cursor_resumes_with_exactly_the_rest(service: StreamService) -> None:
    """Starting after the cursor of any response misses nothing and repeats nothing."""
    opens = new_opens(20)
    await service.log.append(opens)
    responses = await everything(service, position=EARLIEST, max_batch_size=3)
    delivered = 0
    for response in responses[1:]:
        delivered += len(response.batch.notifications)
        rest = await everything(service, after_cursor=response.batch.cursor)
        assert event_ids_in(rest) == event_ids(opens[delivered:])

    assert delivered == 20


async def test_replay_turns_into_following_without_gap_or_duplicate(
    service: StreamService,
) -> None:
    """Opens recorded while the replay runs come once, in order."""
    opens = new_opens(3_000)
    await service.log.append(opens[:1_500])

    async def record() -> None:
        for start in range(1_500, 3_000, 10):
            await service.log.append(opens[start : start + 10])

    call = service.pixel.StreamOpens(pb.StreamOpensRequest(position=EARLIEST, max_batch_size=100))
    recording = asyncio.create_task(record())
    found = await next_event_ids(call, 3_000)
    await recording

    assert found == event_ids(opens)
    call.cancel()


async def test_many_streams_each_get_everything(service: StreamService) -> None:
    """Fifty streams, started at different moments, see the same order."""
    opens = new_opens(500)
    calls = []
    for start in range(0, 500, 10):
        calls.append(service.pixel.StreamOpens(pb.StreamOpensRequest(position=EARLIEST)))
        await service.log.append(opens[start : start + 10])
    found = await asyncio.gather(*(next_event_ids(call, 500) for call in calls))

    assert all(each == event_ids(opens) for each in found)
    for call in calls:
        call.cancel()


# Batches and selection


async def test_batches_hold_no_more_than_was_asked_for(service: StreamService) -> None:
    """Neither more than `max_batch_size`, nor ever more than 1,000."""
    await service.log.append(new_opens(2_100))
    for asked, most in ((7, 7), (0, 1_000), (5_000, 1_000)):
        responses = await everything(service, position=EARLIEST, max_batch_size=asked)
        sizes = [len(response.batch.notifications) for response in responses[1:]]
        assert max(sizes) == most
        assert sum(sizes) == 2_100


async def test_batches_hold_no_more_than_about_a_mebibyte(service: StreamService) -> None:
    """Large notifications make small batches; one that is larger comes alone."""
    opens = [new_open(octets=300_000) for _ in range(8)] + [new_open(octets=1_500_000)]
    await service.log.append(opens)
    responses = await everything(service, position=EARLIEST)
    sizes = [len(response.batch.notifications) for response in responses[1:]]

    assert event_ids_in(responses) == event_ids(opens)
    assert sizes == [3, 3, 2, 1]


async def test_configurations_select_and_cursors_move_on(service: StreamService) -> None:
    """Only opens of the configurations come; the cursor passes the others."""
    opens = [
        new_open(configuration_id="news"),
        new_open(configuration_id="shop"),
        new_open(configuration_id="news"),
        new_open(configuration_id="shop"),
    ]
    await service.log.append(opens)
    responses = await everything(service, position=EARLIEST, configuration_ids=["news", "other"])
    rest = await everything(service, after_cursor=responses[-1].batch.cursor)

    assert event_ids_in(responses) == event_ids([opens[0], opens[2]])
    assert event_ids_in(rest) == []


@pytest.mark.parametrize(
    ("open_filter", "expected"),
    [
        (pb.OpenFilter(exclude_agents=[notification_pb.AGENT_SCANNER]), [0, 1, 3]),
        (pb.OpenFilter(min_confidence=notification_pb.CONFIDENCE_HIGH), [1, 2]),
        (pb.OpenFilter(first_open_only=True), [0, 2]),
        (
            pb.OpenFilter(
                exclude_agents=[notification_pb.AGENT_SCANNER, notification_pb.AGENT_PERSON],
                min_confidence=notification_pb.CONFIDENCE_MEDIUM,
            ),
            [3],
        ),
    ],
)
async def test_filter_leaves_out_by_evidence(
    open_filter: pb.OpenFilter, expected: list[int], service: StreamService
) -> None:
    """Agents, confidence and first opens are filtered by the service."""
    opens = [
        new_open(agent=1, confidence=1, message_key=b"a" * 16),
        new_open(agent=1, confidence=3, message_key=b"a" * 16),
        new_open(agent=4, confidence=3, message_key=b"b" * 16),
        new_open(agent=2, confidence=2, message_key=b"b" * 16),
    ]
    await service.log.append(opens)
    responses = await everything(service, position=EARLIEST, filter=open_filter)

    assert event_ids_in(responses) == [opens[index].event_id for index in expected]


async def test_selective_streams_keep_small_batches_whole(service: StreamService) -> None:
    """A filter and a small batch together neither skip nor repeat."""
    opens = [new_open(configuration_id="news" if number % 3 else "shop") for number in range(1_000)]
    await service.log.append(opens)
    responses = await everything(
        service, position=EARLIEST, configuration_ids=["shop"], max_batch_size=7
    )

    assert event_ids_in(responses) == event_ids(opens[::3])


async def test_opens_that_are_only_counted_are_not_streamed(service: StreamService) -> None:
    """They move the cursor and nothing else."""
    opens = [new_open(), new_open(notified=False), new_open()]
    await service.log.append(opens)

    assert event_ids_in(await everything(service, position=EARLIEST)) == event_ids(
        [opens[0], opens[2]]
    )


# Heartbeats


async def test_heartbeat_comes_when_nothing_else_does(service: StreamService) -> None:
    """It says that the stream has caught up, and where."""
    await service.log.append(new_opens(2))
    request = pb.StreamOpensRequest(position=EARLIEST)
    request.heartbeat_interval.seconds = 1
    call = service.pixel.StreamOpens(request)
    await next_of(call, "started")
    batch = (await next_of(call, "batch")).batch
    heartbeat = (await next_of(call, "heartbeat")).heartbeat

    assert heartbeat.cursor == batch.cursor
    assert (heartbeat.caught_up, heartbeat.lag) == (True, 0)
    assert abs(heartbeat.server_time.ToDatetime(dt.UTC) - dt.datetime.now(dt.UTC)) < dt.timedelta(
        minutes=1
    )
    call.cancel()


async def test_heartbeat_moves_past_what_does_not_match(service: StreamService) -> None:
    """A filter that matches nothing still moves the cursor, and never past a match unsent."""
    request = pb.StreamOpensRequest(position=EARLIEST, configuration_ids=["shop"])
    request.heartbeat_interval.seconds = 1
    call = service.pixel.StreamOpens(request)
    start = (await next_of(call, "started")).started.start_cursor
    await service.log.append(new_opens(5))
    heartbeat = (await next_of(call, "heartbeat")).heartbeat
    matching = new_open(configuration_id="shop")
    await service.log.append([matching])
    rest = await everything(
        service, after_cursor=heartbeat.cursor, configuration_ids=["shop", "news"]
    )

    assert heartbeat.cursor != start
    assert event_ids_in(rest) == [matching.event_id]
    call.cancel()


# Ending


async def test_stop_at_head_ends_with_ok(service: StreamService) -> None:
    """On an empty log at once, and elsewhere after everything."""
    assert [each.WhichOneof("event") for each in await everything(service, position=LATEST)] == [
        "started"
    ]


async def test_drain_is_announced_and_ends_the_stream(service: StreamService) -> None:
    """First `draining` with a safe cursor, then UNAVAILABLE inside the grace; nothing is lost."""
    opens = new_opens(3)
    await service.log.append(opens[:2])
    call = service.pixel.StreamOpens(pb.StreamOpensRequest(position=EARLIEST))
    await next_of(call, "started")
    await next_of(call, "batch")
    service.drain.begin()
    draining = (await next_of(call, "draining")).draining
    code, reason, metadata = await failure_of(call)
    await service.log.append(opens[2:])
    page = await service.pixel.ListOpens(pb.ListOpensRequest(after_cursor=metadata["cursor"]))

    assert dt.timedelta(0) < draining.time_left.ToTimedelta() < service.drain.grace
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert draining.cursor == metadata["cursor"]
    assert [each.event_id for each in page.notifications] == event_ids(opens[2:])


async def test_new_stream_is_refused_while_draining(service: StreamService) -> None:
    """It should call another process."""
    service.drain.begin()
    code, reason, _ = await failure_of(
        service.pixel.StreamOpens(pb.StreamOpensRequest(position=LATEST))
    )

    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")


async def test_streams_beyond_the_quota_are_refused(tmp_path: Path) -> None:
    """The process says how many it serves; a place that is left is free again."""
    async with a_log(tmp_path) as log, streaming(log, max_streams=2) as service:
        request = pb.StreamOpensRequest(position=LATEST)
        calls = [service.pixel.StreamOpens(request) for _ in range(2)]
        for call in calls:
            await next_of(call, "started")
        code, reason, metadata = await failure_of(service.pixel.StreamOpens(request))

        assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STREAM_QUOTA")
        assert metadata == {"max_streams": "2"}
        calls[0].cancel()
        await until_fewer_streams(service, 2)
        again = service.pixel.StreamOpens(request)
        await next_of(again, "started")
        again.cancel()
        calls[1].cancel()


async def test_client_that_does_not_read_is_ended_with_its_cursor(tmp_path: Path) -> None:
    """After the stall timeout; others go on, and the cursor misses nothing."""
    opens = [new_open(octets=200_000) for _ in range(400)]
    timeout = dt.timedelta(seconds=1)
    async with a_log(tmp_path) as log, streaming(log, stall_timeout=timeout) as service:
        await log.append(opens)
        stalled = service.pixel.StreamOpens(pb.StreamOpensRequest(position=EARLIEST))
        await next_of(stalled, "started")
        # Others go on meanwhile.
        assert event_ids_in(await everything(service, position=EARLIEST)) == event_ids(opens)
        await until_fewer_streams(service, 1)

        delivered: list[pb.StreamOpensResponse] = []
        code, reason, metadata = await failure_of(stalled, delivered)
        rest = event_ids_in(await everything(service, after_cursor=metadata["cursor"]))

    assert (code, reason) == (grpc.StatusCode.ABORTED, "CONSUMER_STALLED")
    # What was on its way when the stream ended arrives, too, and comes again.
    assert event_ids_in(delivered)[: len(opens) - len(rest)] + rest == event_ids(opens)


async def test_client_that_does_not_read_its_status_keeps_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was sent to it is in memory as long: such clients are bounded like all others.

    That it leaves without having read the status is no fault that an operator is told of.
    """
    timeout = dt.timedelta(seconds=1)
    async with (
        a_log(tmp_path) as log,
        streaming(log, max_streams=1, stall_timeout=timeout) as service,
    ):
        await log.append([new_open(octets=200_000) for _ in range(400)])
        stalled = service.pixel.StreamOpens(pb.StreamOpensRequest(position=EARLIEST))
        await next_of(stalled, "started")
        await until_fewer_streams(service, 1)

        request = pb.StreamOpensRequest(position=LATEST)
        code, reason, _ = await failure_of(service.pixel.StreamOpens(request))
        assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STREAM_QUOTA")

        stalled.cancel()
        for _ in range(1_000):
            again = service.pixel.StreamOpens(request)
            if isinstance(await again.read(), pb.StreamOpensResponse):
                break
        else:
            raise AssertionError("the place was not freed")
        again.cancel()

    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("has_ended", [False, True])
async def test_stalled_clients_that_leave_leave_no_traceback(
    *, has_ended: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Hundreds at once, whether their streams have been ended for it or wait in a write."""
    timeout = dt.timedelta(seconds=1 if has_ended else 60)
    # However much its machine would buffer.
    options = [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with (
        a_log(tmp_path) as log,
        streaming(log, max_streams=201, stall_timeout=timeout) as service,
        grpc.aio.insecure_channel(service.address, options=options) as channel,
    ):
        await log.append([new_open(octets=200_000) for _ in range(6)])
        request = pb.StreamOpensRequest(position=EARLIEST)
        stub = pb_grpc.PixelServiceStub(channel)
        stalled = [stub.StreamOpens(request) for _ in range(200)]
        for each in stalled:
            await next_of(each, "started")
        if has_ended:
            await until_fewer_streams(service, 1)
        for each in stalled:
            each.cancel()
        await until_fewer_streams(service, 1)
        # What surrounds the calls is told after the streams.
        await everything(service, position=EARLIEST)

    assert [record.getMessage() for record in caplog.records] == []


async def test_client_that_leaves_in_the_middle_is_no_error(tmp_path: Path) -> None:
    """Operators are not told of a fault when somebody goes who has not read everything."""
    async with a_log(tmp_path) as log, streaming(log) as service:
        await log.append([new_open(octets=200_000) for _ in range(400)])
        call = service.pixel.StreamOpens(pb.StreamOpensRequest(position=EARLIEST))
        await next_of(call, "started")
        # Meanwhile a write to the call comes to wait for its reader.
        await everything(service, position=EARLIEST)
        with structlog.testing.capture_logs() as logs:
            call.cancel()
            await until_fewer_streams(service, 1)
            # What surrounds the call is told after the stream.
            await everything(service, position=EARLIEST)

    assert logs == []


# Wrong cursors


async def test_expired_cursor_says_where_the_log_begins(service: StreamService) -> None:
    """What retention removed is not skipped silently; the earliest cursor works."""
    await service.log.append(new_opens(3))
    responses = await everything(service, position=EARLIEST, max_batch_size=1)
    await trim(service.log, older_than=dt.timedelta(0))
    before = dt.datetime.now(dt.UTC)
    kept = new_open()
    await service.log.append([kept])
    code, reason, metadata = await failure_of(
        service.pixel.StreamOpens(pb.StreamOpensRequest(after_cursor=responses[1].batch.cursor))
    )
    rest = await everything(service, after_cursor=metadata["earliest_cursor"])

    assert (code, reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_EXPIRED")
    assert dt.datetime.fromisoformat(metadata["earliest_time"]) >= before
    assert event_ids_in(rest) == [kept.event_id]


async def test_stream_that_retention_overtakes_is_ended(tmp_path: Path) -> None:
    """A stream that is behind does not skip what was removed meanwhile."""
    async with a_log(tmp_path) as log:
        # Recorded before the tail of the process begins, and more than is in flight
        # to a client that does not read.
        await log.append([new_open(octets=200_000) for _ in range(400)])
        async with streaming(log) as service:
            call = service.pixel.StreamOpens(pb.StreamOpensRequest(position=EARLIEST))
            await next_of(call, "started")
            await trim(service.log, older_than=dt.timedelta(0))
            code, reason, _ = await failure_of(call)

    assert (code, reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_EXPIRED")


async def test_cursor_beyond_the_end_is_refused(service: StreamService) -> None:
    """A log that was restored is shorter than its clients remember."""
    ahead = encode_cursor(BEYOND, service.log.identity)
    code, reason, metadata = await failure_of(
        service.pixel.StreamOpens(pb.StreamOpensRequest(after_cursor=ahead))
    )

    assert (code, reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD")
    assert await everything(service, after_cursor=metadata["head_cursor"])


async def test_cursor_of_another_log_is_refused(service: StreamService) -> None:
    """Its log ID says so."""
    foreign = encode_cursor(
        Position(0, 0), LogIdentity(log_id="0" * 32, epoch=1, cursor_key=b"k" * 32)
    )
    code, reason, metadata = await failure_of(
        service.pixel.StreamOpens(pb.StreamOpensRequest(after_cursor=foreign))
    )

    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CURSOR_FOREIGN_LOG")
    assert metadata == {"log_id": service.log.identity.log_id}


@pytest.mark.parametrize("text", ["", "x", "A" * 76, "A" * 4_000, "ünïcode"])
async def test_malformed_cursor_is_refused(text: str, service: StreamService) -> None:
    """What is no cursor is a mistake of the caller."""
    code, reason, _ = await failure_of(
        service.pixel.StreamOpens(pb.StreamOpensRequest(after_cursor=text))
    )

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CURSOR_MALFORMED")


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.StreamOpensRequest(), ["start"]),
        (pb.StreamOpensRequest(position=pb.POSITION_UNSPECIFIED), ["position"]),
        (pb.StreamOpensRequest(position=LATEST, max_batch_size=-1), ["max_batch_size"]),
        (pb.StreamOpensRequest(position=LATEST, max_outstanding=5), ["max_outstanding"]),
        (pb.StreamOpensRequest(position=LATEST, consumer_name="x" * 129), ["consumer_name"]),
        (pb.StreamOpensRequest(position=LATEST, consumer_name="a\0b"), ["consumer_name"]),
        (
            pb.StreamOpensRequest(position=LATEST, configuration_ids=["a"] * 101),
            ["configuration_ids"],
        ),
        (
            pb.StreamOpensRequest(position=LATEST, configuration_ids=["ok", "Not OK"]),
            ["configuration_ids[1]"],
        ),
        (
            pb.StreamOpensRequest(
                position=LATEST,
                filter=pb.OpenFilter(exclude_agents=[notification_pb.AGENT_PERSON] * 11),
            ),
            ["filter.exclude_agents"],
        ),
        (pb.StreamOpensRequest(subscription_id="Not an ID"), ["subscription_id"]),
        (
            pb.StreamOpensRequest(
                subscription_id="a",
                configuration_ids=["b"],
                filter=pb.OpenFilter(first_open_only=True),
            ),
            ["configuration_ids", "filter"],
        ),
        (pb.StreamOpensRequest(max_batch_size=-1), ["max_batch_size", "start"]),
    ],
)
async def test_wrong_request_names_every_field(
    request_: pb.StreamOpensRequest, fields: list[str], service: StreamService
) -> None:
    """A missing start is an error, never a silent LATEST; each wrong field is named at once."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in service.pixel.StreamOpens(request_):
            pass

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert fields_of(caught.value) == fields


async def test_damaged_log_ends_a_stream_with_data_loss(tmp_path: Path) -> None:
    """The client gets what was before the damage, and is not told to try again."""
    async with a_log(tmp_path) as log, streaming(log) as service:
        await log.append(new_opens(3))
        with contextlib.closing(sqlite3.connect(tmp_path / "opens.db")) as connection:
            connection.execute("UPDATE opens SET configuration_id = CAST(x'ff' AS TEXT)")
            connection.commit()
        request = pb.StreamOpensRequest(position=EARLIEST, configuration_ids=["news"])
        code, reason, _ = await failure_of(service.pixel.StreamOpens(request))

        assert (code, reason) == (grpc.StatusCode.DATA_LOSS, "LOG_DAMAGED")
