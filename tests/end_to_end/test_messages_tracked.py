"""Messages tracked reach the statistics, whatever becomes of the injector service."""

import datetime as dt
from pathlib import Path
from typing import Final

import grpc

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.pixel.v1 import statistics_service_pb2 as pb
from emailopens.pixel.v1 import statistics_service_pb2_grpc as pb_grpc
from examples.pair import Pair, pixel_options, running_service

RAW: Final = b"To: b@gmx.de\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n"


async def rewrite(channel: grpc.aio.Channel, *, times: int) -> None:
    """Have so many messages rewritten."""
    for _ in range(times):
        await injector_pb_grpc.InjectorServiceStub(channel).RewriteMessage(
            injector_pb.RewriteMessageRequest(raw_message=RAW, configuration_ids=["news"])
        )


async def tracked(channel: grpc.aio.Channel) -> pb.GetStatisticsResponse:
    """Return what the pixel service says of today and yesterday, in case it is midnight."""
    request = pb.GetStatisticsRequest(dimension=pb.DIMENSION_CONFIGURATION)
    request.start_time.FromDatetime(dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    return await pb_grpc.StatisticsServiceStub(channel).GetStatistics(request)


async def test_messages_tracked_outlive_their_injector(ports: Pair, tmp_path: Path) -> None:
    """They are answered while it is down, and go on when it is back."""
    injector = [f"--grpc={ports.injector}", f"--data={tmp_path}"]
    pixel = [*pixel_options(ports, tmp_path), f"--injector={ports.injector}"]
    async with (
        grpc.aio.insecure_channel(ports.injector) as to_injector,
        grpc.aio.insecure_channel(ports.pixel) as to_pixel,
    ):
        with running_service("injector-service", injector, ready_at=ports.injector):
            await configuration_pb_grpc.ConfigurationServiceStub(to_injector).CreateConfiguration(
                configuration_pb.CreateConfigurationRequest(
                    configuration=configuration_pb.Configuration(
                        id="news", open_statistics_enabled=True
                    )
                )
            )
            await rewrite(to_injector, times=3)
        # What it had counted was written when it stopped.
        with running_service("pixel-service", pixel, ready_at=ports.pixel):
            before = await tracked(to_pixel)
            with running_service("injector-service", injector, ready_at=ports.injector):
                while (collected := await tracked(to_pixel)).total.messages_tracked < 3:
                    pass
            down = await tracked(to_pixel)

    assert before.total == pb.Counts()
    assert not before.HasField("tracked_until_time")
    assert collected.HasField("tracked_until_time")
    assert down.total.messages_tracked == 3
    assert [each.counts.messages_tracked for each in down.values] == [3]
