"""How long somebody in front of a page waits for a call."""

import asyncio
from pathlib import Path

import grpc
import pytest

from emailopens.pixel.v1 import subscription_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as pb_grpc
from emailopens_client.channels import keyed
from pixel_service.page.calling import patient


async def test_call_that_is_not_answered_is_given_up(tmp_path: Path) -> None:
    """Whoever waits is told so, with a key or without; a call's own deadline goes first."""
    path = tmp_path / "service.sock"
    writers: list[asyncio.StreamWriter] = []
    service = await asyncio.start_unix_server(lambda _, writer: writers.append(writer), path)
    request = pb.ListSubscriptionsRequest()
    async with service, grpc.aio.insecure_channel(f"unix:{path}") as channel:
        quick, slow = patient(channel, seconds=0.01), patient(channel, seconds=600)
        for call in (
            pb_grpc.SubscriptionServiceStub(quick).ListSubscriptions(request),
            pb_grpc.SubscriptionServiceStub(keyed(quick, "key")).ListSubscriptions(request),
            pb_grpc.SubscriptionServiceStub(slow).ListSubscriptions(request, timeout=0.01),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await call
            assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        for writer in writers:
            writer.close()
