"""OperationService: operators' calls, from the contract to the log and back."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc

from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as pb_grpc
from pixel_service.erasing import Eraser, Erasure
from pixel_service.grpc_api import operation_values as values
from pixel_service.open_log import OpenLog, Trimmed, decode_cursor
from pixel_service.rejudging import Rejudged, Rejudger
from pixel_service.service_status import StatusReporter
from service_runtime.drain import Drain
from service_runtime.errors import Draining
from service_runtime.grpc_server import GrpcService

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["OperationService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


class OperationServicer(pb_grpc.OperationServiceServicer):
    """Serves those who run the service.

    A client that goes away, or the process's end, ends a long call between two of its
    steps.
    """

    def __init__(
        self,
        *,
        open_log: OpenLog,
        eraser: Eraser,
        rejudger: Rejudger,
        reporter: StatusReporter,
        drain: Drain,
    ) -> None:
        self._log = open_log
        self._eraser = eraser
        self._rejudger = rejudger
        self._reporter = reporter
        self._drain = drain

    async def EraseOpens(
        self, request: pb.EraseOpensRequest, _: Context
    ) -> AsyncIterator[pb.EraseOpensResponse]:
        """Erase the opens of a recipient or of a message."""
        self._refuse_while_draining()
        target = values.read_erase_request(request)
        erasure: Erasure | None = None
        async for erasure in self._eraser.erase(target):
            self._refuse_while_draining()
            yield values.erased_so_far(erasure)
        if erasure is not None:
            yield values.erased_at_last(erasure)

    async def TrimOpens(
        self, request: pb.TrimOpensRequest, _: Context
    ) -> AsyncIterator[pb.TrimOpensResponse]:
        """Remove the oldest opens."""
        self._refuse_while_draining()
        limits = values.read_trim_request(request)
        trimmed = Trimmed()
        async for trimmed in self._log.trim(
            older_than=limits.older_than, max_octets=limits.max_octets
        ):
            self._refuse_while_draining()
            yield pb.TrimOpensResponse(removed_opens=trimmed.entries)
        behind = trimmed.subscriptions_behind
        for start in range(0, len(behind), values.MAX_LISTED):
            yield pb.TrimOpensResponse(
                removed_opens=trimmed.entries,
                overtaken_subscription_ids=behind[start : start + values.MAX_LISTED],
            )

    async def CountOpens(
        self, request: pb.CountOpensRequest, _: Context
    ) -> AsyncIterator[pb.CountOpensResponse]:
        """Count opens by day and configuration."""
        self._refuse_while_draining()
        wanted = values.read_count_request(request)
        async for counts in self._log.daily_counts(earliest_day=wanted.earliest_day):
            self._refuse_while_draining()
            for response in values.counts_to_proto(wanted.of(counts)):
                yield response

    async def RejudgeOpens(
        self, request: pb.RejudgeOpensRequest, _: Context
    ) -> AsyncIterator[pb.RejudgeOpensResponse]:
        """Judge recorded opens again."""
        self._refuse_while_draining()
        identity = self._log.identity
        cursor = request.after_cursor
        after = decode_cursor(cursor, identity) if cursor else None
        rejudged: Rejudged | None = None
        async for rejudged in self._rejudger.rejudge(after=after, is_dry_run=not request.apply):
            self._refuse_while_draining()
            yield values.rejudged_so_far(rejudged, identity)
        if rejudged is not None:
            yield values.rejudged_at_last(rejudged, identity)

    async def GetLogStats(self, _: pb.GetLogStatsRequest, __: Context) -> pb.GetLogStatsResponse:
        """Return how much the log holds."""
        return values.stats_to_proto(await self._log.stats(), self._log.identity)

    async def GetServiceStatus(
        self, _: pb.GetServiceStatusRequest, __: Context
    ) -> pb.GetServiceStatusResponse:
        """Return what holds, and what waits."""
        return values.status_to_proto(await self._reporter.status())

    def _refuse_while_draining(self) -> None:
        if self._drain.is_draining:
            raise Draining

    def service(self, *, can_serve: Callable[[], bool]) -> GrpcService:
        """Return what a gRPC server needs to serve this as long as *can_serve*."""
        return GrpcService(
            name=SERVICE_NAME,
            add=lambda server: pb_grpc.add_OperationServiceServicer_to_server(self, server),
            can_serve=can_serve,
        )
