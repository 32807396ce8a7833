"""PostgreSQL is away for a while: pixels are answered, nothing is lost, operators are told.

Once here; `make test-crash` kills it 100 times.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emailopens_client import LogEnd, OpenStream
from examples.pair import pair_on_free_ports
from pixel_service.grpc_api import operation_servicer, pixel_servicer, subscription_servicer
from pixel_service.server import Addresses, serve
from pixel_service.settings import Settings
from service_runtime.background import running
from service_runtime.drain import Drain
from service_runtime.key_ring import KeyRing, format_key_ring
from tests.fixtures.postgres import Postgres
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import RING, a_service, fetch, until_recorded

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

SERVICES = [
    each.SERVICE_NAME for each in (pixel_servicer, subscription_servicer, operation_servicer)
]

CLIENTS = 8
OUTAGES = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "1"))


@dataclasses.dataclass(slots=True, kw_only=True)
class Load:
    """Clients that fetch pixels, each one after another; every fetch must be answered."""

    address: str
    ring: KeyRing = dataclasses.field(default_factory=lambda: RING)
    answered: list[list[str]] = dataclasses.field(
        default_factory=lambda: [[] for _ in range(CLIENTS)]
    )
    is_over: bool = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fetch inside the block."""
        async with asyncio.TaskGroup() as group:
            # A fetch that fails cancels what the block waits for.
            group.create_task(self._run())
            yield
            self.is_over = True

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for index in range(CLIENTS):
                group.create_task(self._fetch(index))

    async def _fetch(self, index: int) -> None:
        answered = self.answered[index]
        async with aiohttp.ClientSession() as browser:
            while not self.is_over:
                message_id = f"{index}-{len(answered)}"
                url = f"http://{self.address}/o/{seal(a_token(message_id), self.ring)}.gif"
                async with browser.get(url) as response:
                    assert (response.status, len(await response.read())) == (200, 43)
                answered.append(message_id)

    def assert_each_once_and_in_order(self, there: Sequence[str]) -> None:
        """See that what was answered is *there*, and nothing twice, each client's in its order."""
        assert Counter(there) == Counter(itertools.chain(*self.answered))
        place = {message_id: index for index, message_id in enumerate(there)}
        for answered in self.answered:
            assert sorted(answered, key=place.__getitem__) == answered

    async def go_on(self, count: int) -> None:
        """Return once *count* pixels more were answered."""
        goal = sum(map(len, self.answered)) + count
        while sum(map(len, self.answered)) < goal:  # noqa: ASYNC110 - clients go on meanwhile
            await asyncio.sleep(0.01)


async def ask(address: str, path: str) -> tuple[int, str]:
    """Return status and text of what operators' tools are told."""
    async with (
        aiohttp.ClientSession() as operator,
        operator.get(f"http://{address}/{path}") as response,
    ):
        return response.status, await response.text()


async def until_told(addresses: Addresses, text: str) -> int:
    """Wait until the readiness check says *text*; return its status."""
    while True:
        status, said = await ask(addresses.admin, "readyz")
        if text in said:
            return status
        await asyncio.sleep(0.02)


async def streamed(addresses: Addresses) -> list[str]:
    """Return the message IDs of the whole log, in its order."""
    async with OpenStream(addresses.grpc, position=LogEnd.EARLIEST, stop_at_head=True) as opens:
        return [each.mail.message_id async for each in opens]


@pytest.mark.timeout(60 + 20 * OUTAGES)
async def test_pixels_are_answered_while_the_log_is_away_and_none_is_lost(
    tmp_path: Path, mortal: tuple[Postgres, str], record_table: dict[str, list[str]]
) -> None:
    """Each pixel is answered, also meanwhile, and streamed once, in each client's order."""
    postgres, url = mortal
    async with a_service(tmp_path, Drain(), log_url=url) as addresses:
        load = Load(address=addresses.http)
        async with load.running():
            for _ in range(OUTAGES):
                await load.go_on(100)
                await asyncio.to_thread(postgres.kill)
                await load.go_on(500)
                assert await until_told(addresses, "opens are recorded: no") == 200
                await asyncio.to_thread(postgres.start)
                await until_told(addresses, "opens are recorded: yes")
            await load.go_on(100)
        await until_recorded(addresses)
        there = await streamed(addresses)

    load.assert_each_once_and_in_order(there)
    record_table["PostgreSQL killed under load, over HTTP"] = [
        f"{OUTAGES} kills, {sum(map(len, load.answered))} answered, {len(there)} streamed"
    ]


async def test_database_that_hangs_is_not_felt(
    tmp_path: Path, mortal: tuple[Postgres, str]
) -> None:
    """A database that takes statements and never answers keeps no pixel, and loses none."""
    postgres, url = mortal
    async with a_service(tmp_path, Drain(), log_url=url) as addresses:
        await fetch(addresses.http, seal(a_token("before"), RING))
        await until_recorded(addresses)
        with postgres.hanging():
            for number in range(50):
                await fetch(addresses.http, seal(a_token(f"m{number}"), RING))
        await until_recorded(addresses)
        there = await streamed(addresses)

    assert there == ["before", *(f"m{number}" for number in range(50))]


async def test_service_that_cannot_stream_says_so_over_grpc_alone(
    tmp_path: Path, mortal: tuple[Postgres, str]
) -> None:
    """A balancer of pixels keeps it: opens are durable.  One of streams looks elsewhere."""
    postgres, url = mortal
    async with (
        a_service(tmp_path, Drain(), log_url=url) as addresses,
        grpc.aio.insecure_channel(addresses.grpc) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        # All that are served there need the log.
        requests = [health_pb2.HealthCheckRequest(service=name) for name in SERVICES]
        watches = [aiter(health.Watch(each)) for each in requests]
        seen = [[(await anext(each)).status for each in watches]]
        await asyncio.to_thread(postgres.kill)
        await fetch(addresses.http, seal(a_token(), RING))
        seen.append([(await anext(each)).status for each in watches])
        readiness, said = await ask(addresses.admin, "readyz")
        await asyncio.to_thread(postgres.start)
        seen.append([(await anext(each)).status for each in watches])

    assert seen == [[each] * len(SERVICES) for each in (SERVING, NOT_SERVING, SERVING)]
    assert "opens can be streamed: no" in said
    assert readiness == 200


async def test_operators_are_told_how_late_opens_are(
    tmp_path: Path, mortal: tuple[Postgres, str]
) -> None:
    """Pixels are served while the log is away, and how long the oldest open waits is said."""
    postgres, url = mortal
    async with a_service(tmp_path, Drain(), log_url=url) as addresses:
        await fetch(addresses.http, seal(a_token("before"), RING))
        await until_recorded(addresses)
        await asyncio.to_thread(postgres.kill)
        await fetch(addresses.http, seal(a_token("meanwhile"), RING))
        assert await until_told(addresses, "opens are recorded: no") == 200
        _, metrics = await ask(addresses.admin, "metrics")
        await asyncio.to_thread(postgres.start)
        await until_recorded(addresses)
        there = await streamed(addresses)

    late = re.search(r"^journal_oldest_unrecorded_seconds (.*)$", metrics, re.MULTILINE)
    assert late is not None
    assert float(late[1]) > 0.0
    assert there == ["before", "meanwhile"]


async def test_service_starts_and_answers_while_the_log_is_away(
    tmp_path: Path, mortal: tuple[Postgres, str]
) -> None:
    """No database is needed for the first pixel; what it recorded is streamed afterwards."""
    postgres, url = mortal
    await asyncio.to_thread(postgres.kill)
    drain = Drain()
    (http, admin), settings = addresses_of(tmp_path, url)
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    async with running(serve(settings, drain, on_ready=ready.set_result)) as service:
        await until_answered(http, admin)
        await fetch(http, seal(a_token("first"), RING))
        early = Addresses(http=http, grpc="", admin=admin)
        status = await until_told(early, "opens are recorded: no (the log does not answer)")
        await asyncio.to_thread(postgres.start)
        addresses = await ready
        await until_recorded(addresses)
        there = await streamed(addresses)
        drain.begin()
        await service

    assert status == 200
    assert there == ["first"]


def addresses_of(data: Path, url: str) -> tuple[tuple[str, str], Settings]:
    """Return where a service is that cannot say so itself yet, and its settings."""
    pair = pair_on_free_ports()
    settings = Settings(
        http=pair.pixel_http,
        grpc=pair.pixel,
        admin=pair.admin,
        data=data,
        log_url=url,
        token_keys=format_key_ring(RING),
    )
    return (pair.pixel_http, pair.admin), settings


async def until_answered(*addresses: str) -> None:
    """Wait until somebody listens at *addresses*."""
    for address in addresses:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(*address.split(":"))
                writer.close()
                break
            await asyncio.sleep(0.01)
