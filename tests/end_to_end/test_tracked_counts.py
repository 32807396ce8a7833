"""What a killed process takes along of the messages tracked, with a process that is killed."""

from pathlib import Path
from typing import Final

import grpc

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.injector.v1 import tracking_service_pb2 as pb
from emailopens.injector.v1 import tracking_service_pb2_grpc as pb_grpc
from examples.pair import Pair, running_service

RAW: Final = b"To: b@gmx.de\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n"


async def rewrite(channel: grpc.aio.Channel, *, times: int) -> None:
    """Have so many messages rewritten."""
    for _ in range(times):
        await injector_pb_grpc.InjectorServiceStub(channel).RewriteMessage(
            injector_pb.RewriteMessageRequest(raw_message=RAW, configuration_ids=["news"])
        )


async def counted(channel: grpc.aio.Channel) -> int:
    """Return how many messages are counted."""
    response = await pb_grpc.TrackingServiceStub(channel).ListTrackedCounts(
        pb.ListTrackedCountsRequest()
    )
    return sum(each.messages for each in response.counts if not each.dimension)


async def test_kill_loses_at_most_what_was_not_written(ports: Pair, tmp_path: Path) -> None:
    """After `kill -9` what was in the database is there once, and counting goes on."""
    options = [f"--grpc={ports.injector}", f"--data={tmp_path}"]
    with running_service("injector-service", options, ready_at=ports.injector) as process:
        async with grpc.aio.insecure_channel(ports.injector) as channel:
            await configuration_pb_grpc.ConfigurationServiceStub(channel).CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(
                    configuration=configuration_pb.Configuration(
                        id="news", open_statistics_enabled=True
                    )
                )
            )
            await rewrite(channel, times=3)
            while await counted(channel) < 3:
                pass
            await rewrite(channel, times=2)
        process.kill()
        process.wait()

    with running_service("injector-service", options, ready_at=ports.injector):
        async with grpc.aio.insecure_channel(ports.injector) as channel:
            left = await counted(channel)
            await rewrite(channel, times=2)
    with running_service("injector-service", options, ready_at=ports.injector):
        async with grpc.aio.insecure_channel(ports.injector) as channel:
            in_the_end = await counted(channel)

    assert 3 <= left <= 5
    assert in_the_end == left + 2
