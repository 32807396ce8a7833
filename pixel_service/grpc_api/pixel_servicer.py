"""PixelService: the stream, and the calls beside it."""

from typing import Any, Final

import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.grpc_api.open_listing import OpenListing
from pixel_service.grpc_api.stream_servicer import StreamServicer
from pixel_service.open_log import OpenLog, decode_cursor, encode_cursor
from service_runtime.field_checks import FieldChecks
from service_runtime.grpc_server import GrpcService

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["PixelService"].full_name

ListContext = grpc.aio.ServicerContext[pb.ListOpensRequest, bytes]
AcknowledgeContext = grpc.aio.ServicerContext[
    pb.AcknowledgeOpensRequest, pb.AcknowledgeOpensResponse
]


class PixelServicer:
    """Serves the opens that were recorded."""

    def __init__(self, *, open_log: OpenLog, streaming: StreamServicer) -> None:
        self._log = open_log
        self._streaming = streaming
        self._listing = OpenListing(open_log)

    async def ListOpens(self, request: pb.ListOpensRequest, _: ListContext) -> bytes:
        """Return recorded opens, a page at a time; serialized, as they are stored."""
        return await self._listing.page(request)

    async def AcknowledgeOpens(
        self, request: pb.AcknowledgeOpensRequest, _: AcknowledgeContext
    ) -> pb.AcknowledgeOpensResponse:
        """Acknowledge every open of a subscription up to a cursor."""
        checks = FieldChecks()
        checks.require_id(request.subscription_id, "subscription_id")
        checks.require(bool(request.cursor), "cursor", "is missing")
        checks.require(bool(request.session_token), "session_token", "is missing")
        checks.finish()
        acknowledged = await self._log.subscriptions.acknowledge(
            request.subscription_id,
            up_to=decode_cursor(request.cursor, self._log.identity),
            session_token=request.session_token,
        )
        return pb.AcknowledgeOpensResponse(cursor=encode_cursor(acknowledged, self._log.identity))

    def service(self) -> GrpcService:
        """Return what a gRPC server needs to serve this."""
        return GrpcService(name=SERVICE_NAME, add=self._add, can_serve=self._can_read)

    def _can_read(self) -> bool:
        return self._streaming.tail.failure is None

    def _add(self, server: grpc.aio.Server) -> None:
        # By hand, because the generated function would serialize what is serialized.
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "StreamOpens": grpc.unary_stream_rpc_method_handler(
                self._streaming.StreamOpens,
                request_deserializer=pb.StreamOpensRequest.FromString,
                response_serializer=_as_it_is,
            ),
            "ListOpens": grpc.unary_unary_rpc_method_handler(
                self.ListOpens,
                request_deserializer=pb.ListOpensRequest.FromString,
                response_serializer=_as_it_is,
            ),
            "AcknowledgeOpens": grpc.unary_unary_rpc_method_handler(
                self.AcknowledgeOpens,
                request_deserializer=pb.AcknowledgeOpensRequest.FromString,
                response_serializer=pb.AcknowledgeOpensResponse.SerializeToString,
            ),
        }
        server.add_registered_method_handlers(SERVICE_NAME, handlers)


def _as_it_is(octets: bytes) -> bytes:
    return octets
