"""The channel to the injector, when another takes its place."""

import grpc
import pytest

from emailopens.injector.v1 import injector_service_pb2 as pb
from examples.pair import HOST, free_ports
from mail_bridge.delivery.channel import InjectorChannel
from mail_bridge.delivery.settings import TrackingSettings

REQUEST = pb.RewriteMessageRequest()


async def test_channel_ends_with_its_last_call_when_another_took_its_place() -> None:
    """Calls go on over the one that they began with; after that nothing of it is left open."""
    channel = InjectorChannel(TrackingSettings(injector=f"{HOST}:{free_ports(1)}"))
    await channel.open()
    async with channel.stub() as first, channel.stub() as second:
        assert first is second
        await channel.open()
        async with channel.stub() as other:
            assert other is not first
        # Nobody is there, but it may be asked.
        with pytest.raises(grpc.aio.AioRpcError):
            await first.RewriteMessage(REQUEST)
    with pytest.raises(grpc.aio.UsageError):
        await first.RewriteMessage(REQUEST)
    with pytest.raises(grpc.aio.AioRpcError):
        async with channel.stub() as other:
            await other.RewriteMessage(REQUEST)
    await channel.close()
