"""Statistics: of all configurations, and of one."""

import asyncio
import datetime as dt
from typing import Final

import htpy as h
from google.protobuf.timestamp_pb2 import Timestamp

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from emailopens.pixel.v1 import statistics_service_pb2_grpc as pb_grpc
from pixel_service.page.spans import StatisticsSpan, span_of
from pixel_service.page.views.configuration_pages import (
    BREAKDOWNS,
    configuration_page,
    overview,
)
from pixel_service.page.visit import Visit

# A table of so many rows is read; the rest is counted together.
_MOST_CONFIGURATIONS: Final = 100
_MOST_VALUES: Final = 15


async def show_configurations(visit: Visit, span_name: str) -> h.Node:
    """Return the statistics of all configurations that whoever looks may see."""
    name, span = span_of(span_name)
    response = await pb_grpc.StatisticsServiceStub(visit.channel).GetStatistics(
        pb.GetStatisticsRequest(
            start_time=_start(span),
            interval=span.interval,
            dimension=pb.DIMENSION_CONFIGURATION,
            max_values=_MOST_CONFIGURATIONS,
        )
    )
    return overview(response, name, span)


async def show_configuration(visit: Visit, configuration_id: str, span_name: str) -> h.Node:
    """Return the statistics of one configuration."""
    name, span = span_of(span_name)
    stub = pb_grpc.StatisticsServiceStub(visit.channel)
    request = pb.GetStatisticsRequest(
        start_time=_start(span),
        interval=span.interval,
        configuration_ids=[configuration_id],
        max_values=_MOST_VALUES,
    )
    over_span, *broken_down = await asyncio.gather(
        stub.GetStatistics(request),
        *(stub.GetStatistics(_by(request, each)) for each in BREAKDOWNS),
    )
    return list(
        configuration_page(
            configuration_id,
            name,
            span,
            over_span,
            dict(zip(BREAKDOWNS, broken_down, strict=True)),
        )
    )


def _by(
    request: pb.GetStatisticsRequest, dimension: pb.Dimension.ValueType
) -> pb.GetStatisticsRequest:
    """Return *request* by a dimension, of the same intervals, so that it is of the same span."""
    broken_down = pb.GetStatisticsRequest(dimension=dimension)
    broken_down.MergeFrom(request)
    return broken_down


def _start(span: StatisticsSpan) -> Timestamp:
    start = Timestamp()
    start.FromDatetime(dt.datetime.now(dt.UTC) - span.length)
    return start
