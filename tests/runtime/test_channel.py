"""What the errors of calls say."""

import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from service_runtime.channel import describe_error


async def test_call_of_another_service_says_that_it_is_another() -> None:
    """The injector's address where the pixel service's should be is a common mistake."""
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.AcknowledgeOpens(pb.AcknowledgeOpensRequest())
    await server.stop(None)

    assert describe_error(raised.value) == (
        "UNIMPLEMENTED: what answers there is another service, or another version:"
        " it has no such call"
    )
