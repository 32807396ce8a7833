"""What commands do that call the running service for long."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import click
import grpc
import pytest

from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as pb_grpc
from pixel_service.cli.target import responses
from service_runtime.drain import Drain
from service_runtime.grpc_server import GrpcService, grpc_server


class FallingSilent:
    """Serves CountOpens: says one thing, and then nothing."""

    def __init__(self) -> None:
        self.was_left = asyncio.Event()

    async def count_opens(self, _: pb.CountOpensRequest, __: object) -> AsyncIterator[bytes]:
        yield pb.CountOpensResponse(
            daily_counts=[pb.DailyCount(day="2026-03-01")]
        ).SerializeToString()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_left.set()

    def add(self, server: grpc.aio.Server) -> None:
        handler: Any = grpc.unary_stream_rpc_method_handler(
            self.count_opens, request_deserializer=pb.CountOpensRequest.FromString
        )
        service = pb.DESCRIPTOR.services_by_name["OperationService"].full_name
        server.add_registered_method_handlers(service, {"CountOpens": handler})


async def test_a_service_that_falls_silent_is_left_with_one_line() -> None:
    """What it said before was passed on, and it learns that nobody waits any more."""
    servicer = FallingSilent()
    service = GrpcService(name="silent", add=servicer.add)
    async with (
        grpc_server(
            listen="127.0.0.1:0", services=[service], status_codes={}, drain=Drain()
        ) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        call = pb_grpc.OperationServiceStub(channel).CountOpens(pb.CountOpensRequest())
        passed_on = responses(call, silence=dt.timedelta(seconds=2))
        first = await anext(passed_on)
        with pytest.raises(click.ClickException, match="the service has said nothing for 2 s"):
            await anext(passed_on)
        await servicer.was_left.wait()

    assert [each.day for each in first.daily_counts] == ["2026-03-01"]
