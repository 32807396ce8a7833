"""The pair as processes, once for the whole folder."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair, pair_on_free_ports, running_pair

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(pair_on_free_ports(), data=tmp_path_factory.mktemp("data")) as addresses:
        yield addresses


@pytest.fixture
def ports() -> Pair:
    """Return free addresses, for a service of the test's own."""
    return pair_on_free_ports()


@pytest.fixture
async def injector(pair: Pair) -> AsyncIterator[injector_pb_grpc.InjectorServiceAsyncStub]:
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        yield injector_pb_grpc.InjectorServiceStub(channel)


@pytest.fixture
async def pixel(pair: Pair) -> AsyncIterator[pixel_pb_grpc.PixelServiceAsyncStub]:
    async with grpc.aio.insecure_channel(pair.pixel) as channel:
        yield pixel_pb_grpc.PixelServiceStub(channel)


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"User-Agent": "Thunderbird/140"}) as session:
        yield session


@pytest.fixture
async def configuration_id(pair: Pair, request: pytest.FixtureRequest) -> str:
    """Return a new configuration of the test's own, so that tests share one log in peace."""
    async with grpc.aio.insecure_channel(pair.injector) as channel:
        answer = await configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    display_name=request.node.name[:100], open_notifications_enabled=True
                )
            )
        )
    return answer.configuration.id
