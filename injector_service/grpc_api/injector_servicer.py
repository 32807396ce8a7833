"""InjectorService: from a message of the contract to a call, and back."""

import asyncio
import time
from typing import Final

import grpc

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from injector_service.grpc_api.convert_recipients import copies_to_proto, read_recipients_request
from injector_service.grpc_api.convert_rewrite import answer_to_proto, read_rewrite_request
from injector_service.injector import Injector
from injector_service.metrics import InjectorMetrics
from service_runtime.callers import current_caller

# Each copy of a message takes a millisecond for ten megabytes, and a call makes six: others
# have a turn between them.
LARGE_OCTETS: Final = 1 << 20


class InjectorServicer(pb_grpc.InjectorServiceServicer):
    """Puts pixels into messages."""

    def __init__(
        self, injector: Injector, *, metrics: InjectorMetrics, max_message_octets: int
    ) -> None:
        self._injector = injector
        self._metrics = metrics
        self._max_message_octets = max_message_octets

    async def RewriteMessage(
        self,
        request: pb.RewriteMessageRequest,
        context: grpc.aio.ServicerContext[pb.RewriteMessageRequest, pb.RewriteMessageResponse],
    ) -> pb.RewriteMessageResponse:
        """Put a pixel into a message."""
        del context
        start = time.perf_counter()
        is_large = request.ByteSize() > LARGE_OCTETS
        if is_large:
            await asyncio.sleep(0)
        wanted = read_rewrite_request(request, max_message_octets=self._max_message_octets)
        # Only *wanted* from here on: each look at `request.raw_message` would copy it.
        raw = wanted.raw_message
        answer = await self._injector.rewrite(wanted, caller=current_caller())
        if is_large:
            await asyncio.sleep(0)
        response = answer_to_proto(answer, raw, request.view)
        self._metrics.record(answer.rewritten, octets=len(raw), since=start)
        if is_large:
            await asyncio.sleep(0)
        return response

    async def RewriteForRecipients(
        self,
        request: pb.RewriteForRecipientsRequest,
        context: grpc.aio.ServicerContext[
            pb.RewriteForRecipientsRequest, pb.RewriteForRecipientsResponse
        ],
    ) -> pb.RewriteForRecipientsResponse:
        """Put a pixel into each recipient's copy of a message."""
        del context
        start = time.perf_counter()
        wanted = await read_recipients_request(request, max_message_octets=self._max_message_octets)
        answer = await self._injector.rewrite_for_recipients(wanted, caller=current_caller())
        response = await copies_to_proto(answer)
        self._metrics.record_copies(
            [copy.rewritten for copy in answer.copies],
            octets=len(wanted.raw_message),
            since=start,
        )
        return response
