"""StatisticsService: what was counted, from the contract to the log and back."""

import asyncio
import dataclasses
import datetime as dt
import functools
from collections.abc import Callable
from typing import Final

import grpc

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from emailopens.pixel.v1 import statistics_service_pb2_grpc as pb_grpc
from pixel_service.grpc_api.statistics_requests import read_statistics_request
from pixel_service.grpc_api.statistics_responses import statistics_to_proto
from pixel_service.open_log import OpenLog
from service_runtime.callers import current_caller
from service_runtime.grpc_server import GrpcService

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["StatisticsService"].full_name

Context = grpc.aio.ServicerContext[pb.GetStatisticsRequest, pb.GetStatisticsResponse]


class StatisticsServicer(pb_grpc.StatisticsServiceServicer):
    """Serves what was counted."""

    def __init__(self, *, open_log: OpenLog, min_group_size: int) -> None:
        self._log = open_log
        self._min_group_size = min_group_size

    async def GetStatistics(
        self, request: pb.GetStatisticsRequest, _: Context
    ) -> pb.GetStatisticsResponse:
        """Return what was counted in a span of time."""
        wanted = read_statistics_request(request, now=dt.datetime.now(dt.UTC))
        named = wanted.query.configuration_ids or frozenset()
        query = dataclasses.replace(
            wanted.query, configuration_ids=current_caller().narrowed(named) or None
        )
        statistics = await self._log.statistics.read(query)
        # A hundred thousand rows at worst, and streams are served beside it.
        return await asyncio.to_thread(
            functools.partial(
                statistics_to_proto, statistics, wanted, min_group_size=self._min_group_size
            )
        )

    def service(self, *, can_serve: Callable[[], bool]) -> GrpcService:
        """Return what a gRPC server needs to serve this as long as *can_serve*."""
        return GrpcService(
            name=SERVICE_NAME,
            add=lambda server: pb_grpc.add_StatisticsServiceServicer_to_server(self, server),
            can_serve=can_serve,
        )
