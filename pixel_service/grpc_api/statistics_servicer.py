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
from pixel_service.grpc_api.statistics_requests import (
    WantedStatistics,
    read_statistics_request,
)
from pixel_service.grpc_api.statistics_responses import statistics_to_proto
from pixel_service.open_log import Dimension, Interval, OpenLog, Statistics
from pixel_service.statistics import ToldApart, told_apart
from service_runtime.callers import current_caller
from service_runtime.grpc_server import GrpcService

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["StatisticsService"].full_name

# Without a series there is a row for each value.  A span of hours may begin within a day,
# and without an interval only whole days are counted.
_READ_AT_ONCE: Final = (None, Interval.HOUR)

# Their values are those of closed lists: a row for each in each interval is less than two looks.
_FEW_VALUES: Final = frozenset(Dimension) - {Dimension.CONFIGURATION, Dimension.TAG}

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
        told, statistics = await self._read(dataclasses.replace(wanted, query=query))
        # A hundred thousand rows at worst, and streams are served beside it.
        return await asyncio.to_thread(
            functools.partial(
                statistics_to_proto, statistics, wanted, told, min_group_size=self._min_group_size
            )
        )

    async def _read(self, wanted: WantedStatistics) -> tuple[ToldApart, Statistics]:
        """Return what is asked for, and which of its values are told apart."""
        query, read = wanted.query, self._log.statistics.read
        if query.dimension in _FEW_VALUES or query.interval in _READ_AT_ONCE:
            statistics = await read(query)
            return self._told(statistics, wanted), statistics
        # First which they are: of a year with a thousand tags a day few are told.
        told = self._told(await read(dataclasses.replace(query, interval=None)), wanted)
        query = dataclasses.replace(query, told_apart=frozenset(told.values))
        return told, await read(query)

    def _told(self, statistics: Statistics, wanted: WantedStatistics) -> ToldApart:
        query = wanted.query
        # Whoever has configurations may ask for each of them.
        is_open = query.dimension is Dimension.CONFIGURATION and not query.tag
        return told_apart(
            statistics.rows,
            min_group_size=0 if is_open else self._min_group_size,
            max_values=wanted.max_values,
        )

    def service(self, *, can_serve: Callable[[], bool]) -> GrpcService:
        """Return what a gRPC server needs to serve this as long as *can_serve*."""
        return GrpcService(
            name=SERVICE_NAME,
            add=lambda server: pb_grpc.add_StatisticsServiceServicer_to_server(self, server),
            can_serve=can_serve,
        )
