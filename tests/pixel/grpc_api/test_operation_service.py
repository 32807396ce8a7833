"""OperationService does what the comments of `operation_service.proto` say."""

import datetime as dt
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any, TypeVar, cast

import grpc
import pytest
from google.protobuf import timestamp_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2
from pixel_service.journal import Journals
from pixel_service.open_log import OpenRecord, OutsideLog, decode_cursor, message_key
from pixel_service.service_status import StatusReporter
from service_runtime.admin_server import Condition
from tests.pixel.grpc_api.rpc_values import failure_of, wrong_fields_of
from tests.pixel.open_log.log_values import UNNUMBERED, LogHome, event_ids, new_open, new_opens
from tests.pixel.service_values import (
    StreamService,
    a_log,
    log_at,
    streaming,
)

SERVICE = "emailopens.pixel.v1.OperationService"

Response = TypeVar("Response")


async def all_of(call: AsyncIterable[Response]) -> list[Response]:
    """Return every response of a call."""
    return [response async for response in call]


def an_open_of(message_id: str, *, to: str, notified: bool = True) -> OpenRecord:
    """Return an open of a message to one recipient."""
    plain = new_open(message_key=message_key(message_id), notified=notified)
    said = notification_pb.OpenNotification(
        mail=notification_pb.Mail(message_id=message_id, destination=[to])
    )
    fields = {name: getattr(plain, name) for name in plain.__slots__ if name != "notification"}
    return OpenRecord(
        **fields, notification=said.SerializeToString() + UNNUMBERED if notified else b""
    )


async def messages_of(service: StreamService) -> list[str]:
    """Return the message IDs of what is listed."""
    page = await service.pixel.ListOpens(pixel_service_pb2.ListOpensRequest(page_size=1_000))
    return [each.mail.message_id for each in page.notifications]


def timestamp(time: dt.datetime) -> timestamp_pb2.Timestamp:
    """Return *time* as a request has it."""
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(time)
    return message


def now() -> timestamp_pb2.Timestamp:
    """Return this moment as a request has it."""
    return timestamp(dt.datetime.now(dt.UTC))


async def test_opens_of_a_recipient_are_erased_and_others_stay(service: StreamService) -> None:
    """Whatever the case; with what is only counted of the same message."""
    jane, joe = "Jane@Example.org", "joe@example.org"
    await service.log.append(
        [
            an_open_of("m1", to=jane),
            an_open_of("m1", to=jane, notified=False),
            an_open_of("m2", to=joe),
            an_open_of("m3", to=jane),
        ]
    )
    request = pb.EraseOpensRequest(recipient="Jane Doe <jane@EXAMPLE.org>")
    responses = await all_of(service.operations.EraseOpens(request))
    again = await all_of(service.operations.EraseOpens(request))

    assert (responses[0].erased_opens, responses[0].total_opens) == (0, 4)
    assert (responses[-1].erased_opens, responses[-1].examined_opens) == (3, 4)
    assert list(responses[-1].unreached_opens) == []
    assert await messages_of(service) == ["m2"]
    assert again[-1].erased_opens == 0


async def test_opens_of_a_message_are_erased(service: StreamService) -> None:
    """Also where no configuration notifies of them."""
    await service.log.append(
        [
            an_open_of("m1", to="a@example.org"),
            an_open_of("m2", to="a@example.org", notified=False),
            an_open_of("m3", to="a@example.org"),
        ]
    )
    for message_id in ("m1", "m2"):
        request = pb.EraseOpensRequest(message_id=message_id)
        *_, last = await all_of(service.operations.EraseOpens(request))
        assert last.erased_opens == 1

    assert await messages_of(service) == ["m3"]


async def test_erasing_goes_on_in_steps_beside_recording(service: StreamService) -> None:
    """Each step is told, and an open that comes meanwhile is recorded."""
    await service.log.append([an_open_of(f"m{n}", to="jane@example.org") for n in range(1_200)])
    call = service.operations.EraseOpens(pb.EraseOpensRequest(recipient="jane@example.org"))
    examined = []
    async for response in call:
        examined.append(response.examined_opens)
        if len(examined) == 2:
            await service.log.append([an_open_of("later", to="joe@example.org")])

    assert examined[0] == 0
    assert examined == sorted(examined)
    assert len(set(examined)) >= 3
    assert await messages_of(service) == ["later"]


@pytest.mark.parametrize("unreached", ["waiting", "damaged"])
async def test_what_erasing_cannot_reach_is_named(unreached: str, log_home: LogHome) -> None:
    """In the last response alone, after what could be reached was erased."""
    outside = (
        OutsideLog(is_waiting=True)
        if unreached == "waiting"
        else OutsideLog(damaged_files=["/var/spool/1.damaged", "/var/spool/2.damaged"])
    )

    async def bring_in() -> OutsideLog:
        return outside

    async with log_at(log_home.url) as log, streaming(log, bring_in=bring_in) as service:
        await log.append([an_open_of("m1", to="jane@example.org")])
        request = pb.EraseOpensRequest(message_id="m1")
        *before, last = await all_of(service.operations.EraseOpens(request))

    assert all(not each.unreached_opens for each in before)
    assert last.erased_opens == 1
    reasons = [(each.reason, each.path) for each in last.unreached_opens]
    assert reasons == (
        [(pb.UnreachedOpens.REASON_WAITING, "")]
        if unreached == "waiting"
        else [
            (pb.UnreachedOpens.REASON_DAMAGED_FILE, "/var/spool/1.damaged"),
            (pb.UnreachedOpens.REASON_DAMAGED_FILE, "/var/spool/2.damaged"),
        ]
    )


async def test_what_waits_outside_the_log_is_brought_in_before_erasing(log_home: LogHome) -> None:
    """An open that was recorded before the call is reached, wherever it is held."""
    async with log_at(log_home.url) as log:

        async def bring_in() -> OutsideLog:
            await log.append([an_open_of("m1", to="jane@example.org")])
            return OutsideLog()

        async with streaming(log, bring_in=bring_in) as service:
            request = pb.EraseOpensRequest(recipient="jane@example.org")
            *_, last = await all_of(service.operations.EraseOpens(request))
            assert await messages_of(service) == []

    assert last.erased_opens == 1


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.EraseOpensRequest(), ["target"]),
        (pb.EraseOpensRequest(recipient=""), ["recipient"]),
        (pb.EraseOpensRequest(recipient="example.org"), ["recipient"]),
        (pb.EraseOpensRequest(recipient=f"{'x' * 1_000}@example.org"), ["recipient"]),
        (pb.EraseOpensRequest(message_id=""), ["message_id"]),
        (pb.EraseOpensRequest(message_id="<m1@example.org>"), ["message_id"]),
    ],
)
async def test_erasing_nobody_is_refused(
    request_: pb.EraseOpensRequest, fields: list[str], service: StreamService
) -> None:
    """An empty ID would be that of every anonymous open; and no error repeats an address."""
    await service.log.append([new_open(), an_open_of("m1", to="jane@example.org")])

    assert await wrong_fields_of(all_of(service.operations.EraseOpens(request_))) == fields
    assert await messages_of(service) == ["", "m1"]


async def test_a_refusal_repeats_no_address(service: StreamService) -> None:
    """Errors are logged by clients, and what was asked for may be somebody's name."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await all_of(service.operations.EraseOpens(pb.EraseOpensRequest(recipient="jane-doe")))

    assert "jane" not in str(caught.value.details())


async def test_old_opens_are_trimmed_and_those_who_lost_are_named(service: StreamService) -> None:
    """What is recorded after the time stays; subscriptions are told apart."""
    await service.log.append(new_opens(1_200))
    start = await service.log.earliest()
    await service.log.subscriptions.create_subscription("behind", start=start)
    await service.log.subscriptions.create_subscription("well", start=await service.log.head())
    head_time = (await service.log.stats()).head_time
    assert head_time is not None
    limit = head_time + dt.timedelta(microseconds=1)
    later = new_opens(3)
    await service.log.append(later)
    responses = await all_of(
        service.operations.TrimOpens(pb.TrimOpensRequest(before_time=timestamp(limit)))
    )

    removed = [each.removed_opens for each in responses]
    assert removed == sorted(removed)
    assert len(set(removed)) >= 3
    assert removed[-1] == 1_200
    assert list(responses[-1].overtaken_subscription_ids) == ["behind"]
    page = await service.pixel.ListOpens(pixel_service_pb2.ListOpensRequest())
    assert [each.event_id for each in page.notifications] == event_ids(later)


async def test_a_time_to_come_is_taken_as_now(service: StreamService) -> None:
    """It removes what is there, and nothing that comes later."""
    await service.log.append(new_opens(3))
    tomorrow = timestamp(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    request = pb.TrimOpensRequest(before_time=tomorrow)
    *_, last = await all_of(service.operations.TrimOpens(request))
    await service.log.append(new_opens(1))

    assert last.removed_opens == 3
    assert len(await messages_of(service)) == 1


async def test_many_subscriptions_that_lost_opens_come_in_several_responses(
    service: StreamService,
) -> None:
    """Each is named once, however many there are."""
    await service.log.append(new_opens(2))
    start = await service.log.earliest()
    names = [f"s{number:04}" for number in range(501)]
    for name in names:
        await service.log.subscriptions.create_subscription(name, start=start)
    responses = await all_of(service.operations.TrimOpens(pb.TrimOpensRequest(max_octets=0)))

    sizes = [len(each.overtaken_subscription_ids) for each in responses[-2:]]
    assert sizes == [500, 1]
    assert sorted(id_ for each in responses for id_ in each.overtaken_subscription_ids) == names


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.TrimOpensRequest(), ["before_time"]),
        (pb.TrimOpensRequest(max_octets=-1), ["max_octets"]),
        (
            pb.TrimOpensRequest(before_time=timestamp_pb2.Timestamp(seconds=2**60)),
            ["before_time"],
        ),
    ],
)
async def test_trimming_without_a_limit_is_refused(
    request_: pb.TrimOpensRequest, fields: list[str], service: StreamService
) -> None:
    """And removes nothing."""
    await service.log.append(new_opens(3))

    assert await wrong_fields_of(all_of(service.operations.TrimOpens(request_))) == fields
    assert len(await messages_of(service)) == 3


async def test_opens_are_counted_by_configuration_and_agent(service: StreamService) -> None:
    """Also those that are only counted; agents without opens are left out."""
    await service.log.append(
        [
            new_open(configuration_id="news", agent=1, message_key=b"k" * 16),
            new_open(configuration_id="news", agent=1, message_key=b"k" * 16),
            new_open(configuration_id="news", agent=4, message_key=b"l" * 16),
            new_open(configuration_id="shop", agent=2, notified=False),
        ]
    )
    responses = await all_of(service.operations.CountOpens(pb.CountOpensRequest()))
    counts = {each.configuration_id: each for one in responses for each in one.daily_counts}
    today = (await service.log.stats()).head_time

    assert today is not None
    assert {each.day for each in counts.values()} == {today.date().isoformat()}
    assert (counts["news"].opens, counts["news"].first_opens) == (3, 2)
    assert [(each.agent, each.opens) for each in counts["news"].agent_counts] == [(1, 2), (4, 1)]
    assert (counts["shop"].opens, counts["shop"].first_opens) == (1, 0)


async def test_counts_are_of_the_configurations_and_days_asked_for(service: StreamService) -> None:
    """What is not asked for is not told."""
    await service.log.append([new_open(configuration_id="news"), new_open(configuration_id="shop")])
    some = await all_of(
        service.operations.CountOpens(pb.CountOpensRequest(configuration_ids=["shop"]))
    )
    none = await all_of(
        service.operations.CountOpens(pb.CountOpensRequest(earliest_day="9999-01-01"))
    )

    assert [each.configuration_id for one in some for each in one.daily_counts] == ["shop"]
    assert [each for one in none for each in one.daily_counts] == []


async def test_many_configurations_come_in_several_responses(service: StreamService) -> None:
    """None of them is larger than a client takes."""
    await service.log.append([new_open(configuration_id=f"c{number}") for number in range(501)])
    responses = await all_of(service.operations.CountOpens(pb.CountOpensRequest()))
    sizes = [len(each.daily_counts) for each in responses if each.daily_counts]

    assert sizes == [500, 1]


@pytest.mark.parametrize("day", ["2026", "20260301", "2026-02-30", "2026-W09-7", "today"])
async def test_what_is_no_day_is_refused(day: str, service: StreamService) -> None:
    """One form is enough, and it is the contract's."""
    request = pb.CountOpensRequest(earliest_day=day, configuration_ids=["UPPER"])

    assert await wrong_fields_of(all_of(service.operations.CountOpens(request))) == [
        "configuration_ids[0]",
        "earliest_day",
    ]


async def test_stats_are_those_of_the_log(service: StreamService) -> None:
    """Of an empty log no times; of another one its ends."""
    empty = await service.operations.GetLogStats(pb.GetLogStatsRequest())
    await service.log.append(new_opens(3))
    stats = await service.operations.GetLogStats(pb.GetLogStatsRequest())

    identity = service.log.identity
    assert not empty.HasField("earliest_time")
    assert not empty.HasField("latest_time")
    assert (stats.log_id, stats.epoch, stats.opens) == (identity.log_id, identity.epoch, 3)
    assert stats.octets > 0
    assert stats.earliest_time.ToDatetime() <= stats.latest_time.ToDatetime()
    assert decode_cursor(stats.earliest_cursor, identity) == await service.log.earliest()
    assert decode_cursor(stats.head_cursor, identity) == await service.log.head()


async def test_status_says_what_holds_and_what_waits(tmp_path: Path) -> None:
    """The conditions as they are, the journals and their size, and how old the oldest open is."""
    journals = Journals(tmp_path / "journal")
    segment = journals.folder / ("0" * 32) / "000000000001.segment"
    reporter = StatusReporter(
        journals=journals,
        conditions=lambda: [Condition(name="opens are recorded", holds=False, detail="(why)")],
        late_seconds=lambda: 2.5,
        start_time=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    )
    async with a_log(tmp_path) as log, streaming(log, reporter=reporter) as service:
        empty = await service.operations.GetServiceStatus(pb.GetServiceStatusRequest())
        segment.parent.mkdir(parents=True)
        segment.write_bytes(b"x" * 100)
        found = await service.operations.GetServiceStatus(pb.GetServiceStatusRequest())

    (condition,) = found.conditions
    assert (condition.name, condition.holds, condition.detail) == (
        "opens are recorded",
        False,
        "(why)",
    )
    assert (empty.journals, empty.waiting_octets) == (0, 0)
    assert (found.journals, found.waiting_octets) == (1, 100)
    assert found.oldest_waiting.ToMilliseconds() == 2_500
    assert found.start_time.ToDatetime(dt.UTC) == reporter.start_time
    assert found.version


async def test_long_calls_are_refused_while_the_process_drains(service: StreamService) -> None:
    """With a reason that says so: calling again, elsewhere, is how to go on."""
    await service.log.append(new_opens(3))
    service.drain.begin()
    calls: list[AsyncIterable[object]] = [
        service.operations.EraseOpens(pb.EraseOpensRequest(message_id="m1")),
        service.operations.TrimOpens(pb.TrimOpensRequest(before_time=now())),
        service.operations.CountOpens(pb.CountOpensRequest()),
    ]
    for call in calls:
        code, reason, _ = await failure_of(all_of(call))
        assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert await service.log.earliest() < await service.log.head()


async def test_a_long_call_is_ended_between_two_steps(service: StreamService) -> None:
    """What was done until the process began to drain stays done."""
    await service.log.append(new_opens(5_000))
    call = service.operations.TrimOpens(pb.TrimOpensRequest(max_octets=0))
    responses = aiter(call)
    removed = (await anext(responses)).removed_opens
    service.drain.begin()
    code, reason, _ = await failure_of(all_of(call))

    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert 0 < removed < 5_000
    assert 0 < (await service.log.stats()).entries < 5_000


async def test_reflection_and_health_know_the_service(service: StreamService) -> None:
    """So grpcurl and probes find it."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        # Their stubs are typed for the synchronous API.
        probe: Any = health_pb2_grpc.HealthStub(channel)
        health = await probe.Check(health_pb2.HealthCheckRequest(service=SERVICE))
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        call = reflection.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        (listed,) = await all_of(call)

    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert SERVICE in {each.name for each in listed.list_services_response.service}
