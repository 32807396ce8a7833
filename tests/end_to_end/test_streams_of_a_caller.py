"""Streams are limited for each caller, so that one that opens them without end stops nobody."""

from pathlib import Path
from typing import Any

import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from service_runtime.callers import Role
from service_runtime.protection import Protection
from tests.fixtures.api_keys import a_key, bearer
from tests.fixtures.tls_services import a_pixel_service


async def test_streams_of_one_key_are_limited_and_others_have_theirs(tmp_path: Path) -> None:
    """A key that has its streams is refused with a reason; another key is served."""
    keys = tmp_path / "api_keys"
    (_, greedy), (_, modest) = (a_key(keys, Role.SUBSCRIBER) for _ in range(2))
    request = pb.StreamOpensRequest(position=pb.POSITION_LATEST)
    async with (
        a_pixel_service(
            tmp_path, Protection(), api_keys=keys, max_streams=50, max_streams_of_caller=20
        ) as addresses,
        grpc.aio.insecure_channel(addresses.grpc) as channel,
    ):
        stub: Any = pb_grpc.PixelServiceStub(channel)
        calls = [stub.StreamOpens(request, metadata=bearer(greedy)) for _ in range(40)]
        codes = []
        for call in calls:
            try:
                assert (await call.read()).HasField("started")
            except grpc.aio.AioRpcError as error:
                codes.append((error.code(), error.details()))
        other = stub.StreamOpens(request, metadata=bearer(modest))

        assert (await other.read()).HasField("started")
        for call in (*calls, other):
            call.cancel()
    message = "the process serves this caller 20 streams already"
    assert codes == [(grpc.StatusCode.RESOURCE_EXHAUSTED, message)] * 20
