"""TrackingService: from a message of the contract to a call, and back."""

import datetime as dt
from typing import Final

import grpc

from emailopens.injector.v1 import tracking_service_pb2 as pb
from emailopens.injector.v1 import tracking_service_pb2_grpc as pb_grpc
from injector_service.tracking import Dimension, TrackedKind, TrackedStore, TrackedWriter
from service_runtime.field_checks import FieldChecks
from service_runtime.times import EPOCH, time_of

DEFAULT_PAGE_SIZE: Final = 1_000

# A count has at most 0.7 kB, with a tag's 128 characters of four octets each: what a gRPC
# client takes without being told to is 4 MiB.
MAX_PAGE_SIZE: Final = 5_000

_DIMENSIONS: Final = {
    Dimension.ALL: pb.TrackedCount.DIMENSION_UNSPECIFIED,
    Dimension.TAG: pb.TrackedCount.DIMENSION_TAG,
    Dimension.MAILBOX_PROVIDER: pb.TrackedCount.DIMENSION_MAILBOX_PROVIDER,
    Dimension.PRIVACY_LEVEL: pb.TrackedCount.DIMENSION_PRIVACY_LEVEL,
}


class TrackingServicer(pb_grpc.TrackingServiceServicer):
    """Says how many messages were tracked."""

    def __init__(self, store: TrackedStore, writer: TrackedWriter) -> None:
        self._store = store
        self._writer = writer

    async def ListTrackedCounts(
        self,
        request: pb.ListTrackedCountsRequest,
        context: grpc.aio.ServicerContext[
            pb.ListTrackedCountsRequest, pb.ListTrackedCountsResponse
        ],
    ) -> pb.ListTrackedCountsResponse:
        """Return counts that have changed since a revision."""
        del context
        checks = FieldChecks()
        checks.require(request.after_revision >= 0, "after_revision", "must not be negative")
        limit = checks.page_size(request.page_size, default=DEFAULT_PAGE_SIZE, most=MAX_PAGE_SIZE)
        checks.finish()
        # Before the counts: they have at least what was written by then.
        until = time_of(self._writer.written_until_us)
        page = await self._store.page(after=request.after_revision, limit=limit)
        response = pb.ListTrackedCountsResponse(
            source_id=page.source_id,
            counts=[_count_to_proto(kind, messages) for kind, messages in page.counts],
            revision=page.revision,
            has_more=page.has_more,
        )
        response.counted_until_time.FromDatetime(until)
        return response


def _count_to_proto(kind: TrackedKind, messages: int) -> pb.TrackedCount:
    count = pb.TrackedCount(
        configuration_id=kind.configuration_id,
        dimension=_DIMENSIONS[kind.dimension],
        value=kind.value,
        messages=messages,
    )
    count.start_time.FromDatetime(EPOCH + kind.hour * dt.timedelta(hours=1))
    return count
