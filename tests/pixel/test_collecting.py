"""Messages tracked come from an injector service's database to the log of opens."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from structlog.testing import capture_logs

from emailopens.injector.v1 import tracking_service_pb2_grpc as pb_grpc
from examples.pair import HOST, free_ports
from injector_service.configurations.store import connect
from injector_service.grpc_api import TrackingServicer
from injector_service.tracking import (
    Dimension,
    TrackedCounter,
    TrackedKind,
    TrackedStore,
    TrackedWriter,
)
from pixel_service import collecting
from pixel_service.collecting import Collector
from pixel_service.open_log import Dimension as LogDimension
from pixel_service.open_log import OpenLog
from service_runtime.background import running
from tests.pixel.open_log.log_values import LogHome
from tests.pixel.open_log.statistics_values import NOON_HOUR, by_value, total

DAY: Final = dt.timedelta(days=1)
KIND: Final = TrackedKind(NOON_HOUR, "news", Dimension.ALL, "")

BEGAN: Final = "messages tracked not collected"
OVER: Final = "messages tracked collected again"


@dataclasses.dataclass(slots=True)
class Injector:
    """The part of an injector service that says how many messages it tracked."""

    store: TrackedStore
    address: str
    _batch: int = 0

    async def add(self, counts: Mapping[TrackedKind, int]) -> None:
        """Count messages."""
        self._batch += 1
        await self.store.add(counts, writer_id="a", batch=self._batch, hour=NOON_HOUR)

    async def collect(self, collector: Collector) -> None:
        """Have *collector* go one round."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            await collector.collect_once(pb_grpc.TrackingServiceStub(channel))


@contextlib.asynccontextmanager
async def serving(file: Path, *, listen: str = "127.0.0.1:0") -> AsyncIterator[Injector]:
    """Serve what is counted in the database in *file*."""
    async with connect(f"sqlite:///{file}") as configurations:
        store = TrackedStore(configurations.engine)
        server = grpc.aio.server()
        pb_grpc.add_TrackingServiceServicer_to_server(
            TrackingServicer(store, TrackedWriter(TrackedCounter(), store)), server
        )
        port = server.add_insecure_port(listen)
        await server.start()
        try:
            yield Injector(store, f"127.0.0.1:{port}")
        finally:
            await server.stop(None)


@pytest.fixture
async def injector(tmp_path: Path) -> AsyncIterator[Injector]:
    async with serving(tmp_path / "injector.db") as running:
        yield running


def collector_of(injector: Injector, log: OpenLog) -> Collector:
    return Collector(target=injector.address, statistics=log.statistics, interval_seconds=0.01)


async def test_counts_are_taken_over_as_they_are_now(injector: Injector, log: OpenLog) -> None:
    """Of each dimension; what has grown is replaced, what has not is kept."""
    collector = collector_of(injector, log)
    tag = KIND._replace(dimension=Dimension.TAG, value="campaign=spring")
    provider = KIND._replace(dimension=Dimension.MAILBOX_PROVIDER, value="Gmail")
    level = KIND._replace(dimension=Dimension.PRIVACY_LEVEL, value="PRIVACY_LEVEL_FULL")
    await injector.add({KIND: 3, tag: 2, provider: 3, level: 3})
    await injector.collect(collector)
    await injector.add({KIND: 4})
    for _ in range(2):
        await injector.collect(collector)

    assert (await total(log)).messages_tracked == 7
    for dimension, value, messages in (
        (LogDimension.TAG, "campaign=spring", 2),
        (LogDimension.MAILBOX_PROVIDER, "Gmail", 3),
        (LogDimension.PRIVACY_LEVEL, "PRIVACY_LEVEL_FULL", 3),
        (LogDimension.CONFIGURATION, "news", 7),
    ):
        found = await by_value(log, dimension)
        assert {each: counts.messages_tracked for each, counts in found.items()} == {
            value: messages
        }


async def test_a_round_takes_all_pages(
    injector: Injector, log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when there are more counts than a page has."""
    monkeypatch.setattr(collecting, "_PAGE_SIZE", 2)
    await injector.add({KIND._replace(hour=NOON_HOUR + each): 1 for each in range(5)})
    await injector.collect(collector_of(injector, log))

    assert (await total(log)).messages_tracked == 5


async def test_two_processes_that_collect_count_once(injector: Injector, log_home: LogHome) -> None:
    """Of machines that share a log each asks; together they have what is there."""
    async with log_home.connect_twice() as logs:
        collectors = [collector_of(injector, log) for log in logs]
        for number in range(3):
            await injector.add({KIND._replace(hour=NOON_HOUR + number): 10, KIND: 1})
            await asyncio.gather(*(injector.collect(each) for each in collectors))

        assert (await total(logs[1])).messages_tracked == 23


async def test_databases_of_two_injectors_add_up(
    injector: Injector, log: OpenLog, tmp_path: Path
) -> None:
    """Each by its own revisions, also when one address leads to the one and then the other."""
    collector = collector_of(injector, log)
    async with serving(tmp_path / "other.db") as other:
        await injector.add({KIND: 3})
        await other.add({KIND: 40})
        for each in (injector, other, injector, other):
            await each.collect(collector)
        await injector.add({KIND: 1})
        await injector.collect(collector)

    assert (await total(log)).messages_tracked == 44


async def test_an_injector_that_is_away_is_asked_again(log: OpenLog, tmp_path: Path) -> None:
    """What was collected stays, operators hear of it once, and it goes on by itself."""
    address = f"{HOST}:{free_ports(1)}"
    async with serving(tmp_path / "injector.db", listen=address) as injector:
        await injector.add({KIND: 3})
        collector = collector_of(injector, log)
        await injector.collect(collector)

    with capture_logs() as logs:
        async with running(collector.collect()):
            await until_said(BEGAN, logs)
            assert (await total(log)).messages_tracked == 3
            async with serving(tmp_path / "injector.db", listen=address) as injector:
                await injector.store.add({KIND: 2}, writer_id="b", batch=1, hour=NOON_HOUR)
                while (await total(log)).messages_tracked < 5:
                    pass
                await until_said(OVER, logs)

    began, over, *_ = (each for each in logs if each["event"] in {BEGAN, OVER})
    assert (began["event"], began["injector"], over["event"]) == (BEGAN, address, OVER)


async def test_counts_grow_old_while_an_injector_is_away(
    injector: Injector, log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the beginning, and from when the injector last had everything; a page is not all."""
    collector = collector_of(injector, log)
    collector.counted_until -= DAY
    assert collector.age_seconds > DAY.total_seconds()
    monkeypatch.setattr(collecting, "_PAGE_SIZE", 1)
    monkeypatch.setattr(collecting, "_MAX_PAGES", 2)
    await injector.add({KIND._replace(hour=NOON_HOUR + each): 1 for each in range(2)})
    await injector.collect(collector)
    assert collector.age_seconds > DAY.total_seconds()
    await injector.collect(collector)

    assert collector.age_seconds < DAY.total_seconds()


async def until_said(event: str, logs: Sequence[MutableMapping[str, Any]]) -> None:
    while all(each["event"] != event for each in logs):  # noqa: ASYNC110 - nobody else tells
        await asyncio.sleep(0)
