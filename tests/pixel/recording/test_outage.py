"""PostgreSQL is away for a while: pixels are answered, nothing is lost, operators are told.

Once here; `make test-crash` kills it 50 times.
"""

import asyncio
import dataclasses
import itertools
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emailopens_client import LogEnd, OpenStream
from pixel_service.grpc_api.pixel_servicer import SERVICE_NAME
from pixel_service.server import Addresses
from service_runtime.drain import Drain
from tests.fixtures.postgres import Postgres
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import RING, a_service, fetch

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

CLIENTS = 8
OUTAGES = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "1"))


@dataclasses.dataclass(slots=True, kw_only=True)
class Load:
    """Clients that fetch pixels, each one after another; every fetch must be answered."""

    address: str
    answered: list[list[str]] = dataclasses.field(
        default_factory=lambda: [[] for _ in range(CLIENTS)]
    )
    is_over: bool = False

    async def run(self) -> None:
        """Fetch until `is_over`."""
        async with asyncio.TaskGroup() as group:
            for index in range(CLIENTS):
                group.create_task(self._fetch(index))

    async def _fetch(self, index: int) -> None:
        answered = self.answered[index]
        async with aiohttp.ClientSession() as browser:
            while not self.is_over:
                message_id = f"{index}-{len(answered)}"
                url = f"http://{self.address}/o/{seal(a_token(message_id), RING)}.gif"
                async with browser.get(url) as response:
                    assert (response.status, len(await response.read())) == (200, 43)
                answered.append(message_id)

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
        running = asyncio.create_task(load.run())
        for _ in range(OUTAGES):
            await load.go_on(100)
            await asyncio.to_thread(postgres.kill)
            await load.go_on(500)
            await until_told(addresses, "opens are durable: yes in the spool")
            await asyncio.to_thread(postgres.start)
            await until_told(addresses, "in the log")
        await load.go_on(100)
        load.is_over = True
        await running
        # A busy machine may have been late once more.
        await until_told(addresses, "in the log")
        there = await streamed(addresses)

    assert Counter(there) == Counter(itertools.chain(*load.answered))
    place = {message_id: index for index, message_id in enumerate(there)}
    for answered in load.answered:
        assert sorted(answered, key=place.__getitem__) == answered
    record_table["PostgreSQL killed under load, over HTTP"] = [
        f"{OUTAGES} kills, {len(place)} answered, {len(there)} streamed"
    ]


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
        statuses = aiter(health.Watch(health_pb2.HealthCheckRequest(service=SERVICE_NAME)))
        seen = [(await anext(statuses)).status]
        await asyncio.to_thread(postgres.kill)
        await fetch(addresses.http, seal(a_token(), RING))
        seen.append((await anext(statuses)).status)
        readiness, said = await ask(addresses.admin, "readyz")
        await asyncio.to_thread(postgres.start)
        seen.append((await anext(statuses)).status)

    assert seen == [SERVING, NOT_SERVING, SERVING]
    assert "opens can be streamed: no" in said
    assert readiness == 200


async def test_operators_are_told_where_opens_go(
    tmp_path: Path, mortal: tuple[Postgres, str]
) -> None:
    """Ready while opens are durable; not ready, with the reason, while memory alone has them."""
    postgres, url = mortal
    async with a_service(tmp_path, Drain(), log_url=url, max_spool_octets=0) as addresses:
        await fetch(addresses.http, seal(a_token("before"), RING))
        assert await until_told(addresses, "in the log") == 200
        await asyncio.to_thread(postgres.kill)
        await fetch(addresses.http, seal(a_token("meanwhile"), RING))
        assert await until_told(addresses, "1 in memory, 0 lost") == 503
        _, metrics = await ask(addresses.admin, "metrics")
        await asyncio.to_thread(postgres.start)
        assert await until_told(addresses, "in the log") == 200
        there = await streamed(addresses)

    assert re.search(r"^held_opens 1\.0$", metrics, re.MULTILINE)
    assert there == ["before", "meanwhile"]
