"""What the tests of RPCs read from failures."""

from collections.abc import Awaitable

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def info_of(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Return code, reason and metadata of *error*."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # typed for sync calls
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "emailopens"
    return error.code(), info.reason, dict(info.metadata)


def fields_of(error: grpc.aio.AioRpcError) -> list[str]:
    """Return the fields that the `BadRequest` of *error* names."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # typed for sync calls
    bad_request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad_request)
    return [each.field for each in bad_request.field_violations]


async def failure_of(call: Awaitable[object]) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Return code, reason and metadata of a unary call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return info_of(caught.value)


async def wrong_fields_of(call: Awaitable[object]) -> list[str]:
    """Return the fields that a unary call is refused for."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return fields_of(caught.value)
