"""What the contract names is served."""

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor

from emailopens.pixel.v1 import (
    pixel_service_pb2,
    subscription_service_pb2,
    webhook_service_pb2,
)
from tests.pixel.service_values import StreamService

SERVICES = [
    *pixel_service_pb2.DESCRIPTOR.services_by_name.values(),
    *subscription_service_pb2.DESCRIPTOR.services_by_name.values(),
    *webhook_service_pb2.DESCRIPTOR.services_by_name.values(),
]


@pytest.mark.parametrize("contract", SERVICES, ids=[each.name for each in SERVICES])
async def test_every_rpc_is_served(contract: ServiceDescriptor, service: StreamService) -> None:
    """An RPC that is added to the contract cannot be forgotten: none is unimplemented.

    The empty request is wrong for all but those that ask for nothing.
    """
    async with grpc.aio.insecure_channel(service.address) as channel:
        for method in contract.methods:
            path = f"/{contract.full_name}/{method.name}"
            make: Any = channel.unary_stream if method.server_streaming else channel.unary_unary
            call = make(path)(b"")

            assert await call.code() in {
                grpc.StatusCode.OK,
                grpc.StatusCode.INVALID_ARGUMENT,
            }, method.full_name
