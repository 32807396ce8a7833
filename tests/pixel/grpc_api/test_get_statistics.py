"""GetStatistics does what the comments of `statistics_service.proto` say."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc
import pytest

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import statistics_service_pb2 as pb
from emailopens.pixel.v1 import statistics_service_pb2_grpc as pb_grpc
from emailopens_client.api_keys import ApiKeyFile
from emailopens_client.channels import open_channel
from pixel_service.open_log import Dimension, TrackedCount
from service_runtime.admission import Admission
from service_runtime.api_keys import ApiKeys
from service_runtime.callers import Role
from tests.fixtures.api_keys import a_key
from tests.pixel.grpc_api.rpc_values import failure_of
from tests.pixel.open_log.log_values import NOON
from tests.pixel.open_log.statistics_values import NOON_HOUR, count_all, counted_open, tracked
from tests.pixel.service_values import StreamService, a_log, streaming

DAY: Final = dt.timedelta(days=1)
SPAN: Final[dict[str, Any]] = {"start_time": NOON - DAY, "end_time": NOON + DAY}
SCANNER: Final = open_notification_pb2.AGENT_SCANNER
IMAGE_PROXY: Final = open_notification_pb2.AGENT_IMAGE_PROXY
UNKNOWN: Final = open_notification_pb2.AGENT_UNKNOWN


async def ask(
    service: StreamService,
    **fields: Any,  # noqa: ANN401 - of any field
) -> pb.GetStatisticsResponse:
    """Count what is recorded, and ask for it."""
    await count_all(service.log)
    return await service.statistics.GetStatistics(pb.GetStatisticsRequest(**{**SPAN, **fields}))


def told(values: Any) -> list[tuple[str, int]]:  # noqa: ANN401 - repeated
    """Return values with their opens; the rest is `…`."""
    return [("…" if each.is_rest else each.value, each.counts.opens) for each in values]


async def test_a_series_has_every_interval_and_adds_up(service: StreamService) -> None:
    """Days without an open are in it; opens of persons, of machines and others are all opens."""
    await service.log.append(
        [
            counted_open(key=b"m1"),
            counted_open(key=b"m1", time=NOON + DAY, agent=SCANNER),
            counted_open(key=b"m2", time=NOON + DAY, agent=UNKNOWN),
        ]
    )
    response = await ask(service, interval=pb.INTERVAL_DAY)

    assert [each.total.opens for each in response.intervals] == [0, 1, 2]
    assert response.start_time.ToDatetime(dt.UTC) == (NOON - DAY).replace(hour=0)
    assert response.end_time.ToDatetime(dt.UTC) == (NOON + 2 * DAY).replace(hour=0)
    assert response.total == pb.Counts(
        opens=3,
        first_opens=2,
        person_opens=1,
        machine_opens=1,
        unknown_opens=1,
        messages_opened_at_least=1,
        messages_opened_at_most=2,
    )
    assert response.HasField("counted_until_time")
    assert not response.HasField("tracked_until_time")
    assert response.uncounted_opens == 0


async def test_without_an_interval_there_is_no_series(service: StreamService) -> None:
    """Totals alone; and of nothing they are zero."""
    response = await ask(service)

    assert not response.intervals
    assert response.HasField("total")
    assert response.total == pb.Counts()
    assert not response.HasField("counted_until_time")
    assert response.min_group_size == 10


async def test_what_waits_to_be_counted_is_said(service: StreamService) -> None:
    """Whoever compares with what was recorded knows that something is missing."""
    await service.log.append([counted_open(), counted_open()])
    response = await service.statistics.GetStatistics(pb.GetStatisticsRequest(**SPAN))

    assert (response.total.opens, response.uncounted_opens) == (0, 2)


async def test_values_are_told_apart_in_all_and_by_interval(service: StreamService) -> None:
    """The largest first; small ones, here and in each interval, are in the rest."""
    await service.log.append(
        [counted_open() for _ in range(12)]
        + [counted_open(agent=SCANNER, time=NOON + DAY) for _ in range(11)]
        + [counted_open(agent=UNKNOWN), counted_open(agent=IMAGE_PROXY)]
    )
    response = await ask(service, dimension=pb.DIMENSION_AGENT, interval=pb.INTERVAL_DAY)

    assert told(response.values) == [("AGENT_PERSON", 12), ("AGENT_SCANNER", 11), ("…", 2)]
    assert [told(each.values) for each in response.intervals] == [
        [],
        [("AGENT_PERSON", 12), ("…", 2)],
        [("AGENT_SCANNER", 11)],
    ]


@pytest.mark.parametrize("interval", [pb.INTERVAL_HOUR, pb.INTERVAL_DAY, pb.INTERVAL_MONTH])
async def test_what_is_not_known_is_no_rest(
    interval: pb.Interval.ValueType, service: StreamService
) -> None:
    """Opens without a provider are one value, and small ones another, in every series."""
    now = dt.datetime.now(dt.UTC)
    await service.log.append(
        [counted_open(time=now, recipient="") for _ in range(10)]
        + [counted_open(time=now) for _ in range(11)]
        + [counted_open(time=now, recipient=f"a@{each}") for each in ("gmx.de", "yahoo.com")]
    )
    response = await ask(
        service,
        start_time=now,
        end_time=now + DAY,
        interval=interval,
        dimension=pb.DIMENSION_MAILBOX_PROVIDER,
    )

    assert told(response.values) == [("Gmail", 11), ("", 10), ("…", 2)]
    assert told(response.intervals[0].values) == told(response.values)


@pytest.mark.parametrize(
    ("dimension", "value"),
    [
        (pb.DIMENSION_CONFIGURATION, "news"),
        (pb.DIMENSION_TAG, "campaign=spring"),
        (pb.DIMENSION_AGENT, "AGENT_PERSON"),
        (pb.DIMENSION_CONFIDENCE, "CONFIDENCE_HIGH"),
        (pb.DIMENSION_CLIENT, ""),
        (pb.DIMENSION_MAILBOX_PROVIDER, "Gmail"),
        (pb.DIMENSION_PRIVACY_LEVEL, "PRIVACY_LEVEL_FULL"),
    ],
)
async def test_every_dimension_is_served(
    dimension: pb.Dimension.ValueType, value: str, service: StreamService
) -> None:
    """Values are spelled as the contract says."""
    await service.log.append([counted_open(tags={"campaign": ["spring"]}) for _ in range(10)])

    assert told((await ask(service, dimension=dimension)).values) == [(value, 10)]


async def test_a_configuration_is_told_apart_however_small(service: StreamService) -> None:
    """Whoever may see two may ask for each."""
    await service.log.append([counted_open(), counted_open(configuration_id="shop")])
    everything = await ask(service, dimension=pb.DIMENSION_CONFIGURATION)
    one = await ask(service, configuration_ids=["shop"])

    assert told(everything.values) == [("news", 1), ("shop", 1)]
    assert one.total.opens == 1


async def test_a_tag_is_asked_for_by_key_and_by_value(service: StreamService) -> None:
    """A small tag looks as if no message had it, also by configuration."""
    await service.log.append(
        [counted_open(tags={"campaign": ["spring"], "list": ["vip"]}) for _ in range(9)]
        + [counted_open(tags={"campaign": ["spring"]}, configuration_id="shop")]
    )
    by_key = await ask(service, dimension=pb.DIMENSION_TAG, tag_key="campaign")
    by_value = await ask(service, tag="campaign=spring", interval=pb.INTERVAL_DAY)
    small = await ask(
        service,
        tag="list=vip",
        dimension=pb.DIMENSION_CONFIGURATION,
        interval=pb.INTERVAL_DAY,
    )

    assert told(by_key.values) == [("campaign=spring", 10)]
    assert by_value.total.opens == 10
    assert [each.total.opens for each in by_value.intervals] == [0, 10, 0]
    assert small.total == pb.Counts()
    assert not small.values
    assert {each.total.opens for each in small.intervals} == {0}


async def test_messages_tracked_are_beside_opens(service: StreamService) -> None:
    """In all and by value; and up to when they are known."""
    counts = [
        TrackedCount(NOON_HOUR, "news", dimension, value, 40)
        for dimension, value in ((Dimension.TOTAL, ""), (Dimension.TAG, "campaign=spring"))
    ]
    page = tracked()
    assert await service.log.statistics.set_tracked(
        type(page)(source_id="one", after_revision=0, revision=1, counts=counts, counted_until=NOON)
    )
    await service.log.append([counted_open(tags={"campaign": ["spring"]})])
    response = await ask(service, dimension=pb.DIMENSION_TAG)

    assert response.total.messages_tracked == 40
    assert response.values[0].counts.messages_tracked == 40
    assert told(response.values) == [("campaign=spring", 1)]
    assert response.tracked_until_time.ToDatetime(dt.UTC) == NOON


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator["pb_grpc.StatisticsServiceAsyncStub"]:
    """Call with a key for `news` and `blog` alone."""
    (tmp_path / "key").write_text(a_key(tmp_path / "keys", Role.SUBSCRIBER, "news", "blog")[1])
    async with (
        a_log(tmp_path) as log,
        streaming(log, admission=Admission(ApiKeys(tmp_path / "keys"))) as service,
        open_channel(service.address, api_key=ApiKeyFile(tmp_path / "key")) as channel,
    ):
        await log.append([counted_open(configuration_id=each) for each in ("news", "shop")])
        await count_all(log)
        yield pb_grpc.StatisticsServiceStub(channel)


async def test_a_limited_key_sees_counts_of_its_own(
    limited: "pb_grpc.StatisticsServiceAsyncStub",
) -> None:
    """All that it may see if it names nothing; another's it may not name."""
    own = await limited.GetStatistics(
        pb.GetStatisticsRequest(dimension=pb.DIMENSION_CONFIGURATION, **SPAN)
    )
    others = limited.GetStatistics(
        pb.GetStatisticsRequest(configuration_ids=["news", "shop"], **SPAN)
    )

    assert (own.total.opens, told(own.values)) == (1, [("news", 1)])
    assert await failure_of(others) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "CONFIGURATION_NOT_ALLOWED",
        {"configuration_id": "shop"},
    )
