"""A call that unpacks to much takes no more of a service than one that is as large unpacked."""

from typing import Any

import grpc
import pytest

from examples.pair import Pair

# Of zeros: a thousandth when packed, and well below what is taken unpacked.
OCTETS = 400 * 1024 * 1024

METHODS = (
    "emailopens.injector.v1.InjectorService/RewriteMessage",
    "emailopens.injector.v1.ConfigurationService/CreateConfiguration",
    "emailopens.pixel.v1.PixelService/ListOpens",
    "emailopens.pixel.v1.OperationService/EraseOpens",
)


@pytest.mark.parametrize("method", METHODS)
async def test_packed_call_is_refused_by_its_size_unpacked(pair: Pair, method: str) -> None:
    """Gzip does not get past the limit of a request's size, and the service goes on."""
    address = pair.injector if ".injector." in method else pair.pixel
    async with grpc.aio.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
        call: Any = channel.unary_unary(f"/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(bytes(OCTETS), timeout=50)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
