"""PixelService: the stream, and the calls beside it."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from pixel_service.grpc_api.open_listing import OpenListing
from pixel_service.grpc_api.open_search import OpenSearch
from pixel_service.grpc_api.own_subscriptions import own_subscriptions
from pixel_service.grpc_api.stream_servicer import StreamServicer
from pixel_service.open_log import OpenLog, decode_cursor, encode_cursor
from service_runtime.drain import Drain
from service_runtime.field_checks import FieldChecks
from service_runtime.grpc_server import GrpcService

_SERVICE: Final = pb.DESCRIPTOR.services_by_name["PixelService"]
SERVICE_NAME: Final = _SERVICE.full_name

ListContext = grpc.aio.ServicerContext[pb.ListOpensRequest, bytes]
SearchContext = grpc.aio.ServicerContext[pb.SearchOpensRequest, pb.SearchOpensResponse]
AcknowledgeContext = grpc.aio.ServicerContext[
    pb.AcknowledgeOpensRequest, pb.AcknowledgeOpensResponse
]


class PixelServicer:
    """Serves the opens that were recorded."""

    def __init__(self, *, open_log: OpenLog, streaming: StreamServicer, drain: Drain) -> None:
        self._log = open_log
        self._streaming = streaming
        self._listing = OpenListing(open_log)
        self._searching = OpenSearch(open_log, drain)
        self.StreamOpens = streaming.StreamOpens

    async def ListOpens(self, request: pb.ListOpensRequest, _: ListContext) -> bytes:
        """Return recorded opens, a page at a time; serialized, as they are stored."""
        return await self._listing.page(request)

    async def SearchOpens(
        self, request: pb.SearchOpensRequest, _: SearchContext
    ) -> AsyncIterator[pb.SearchOpensResponse]:
        """Find opens of a message, of a recipient, or by their subject."""
        async for response in self._searching.search(request):
            yield response

    async def AcknowledgeOpens(
        self, request: pb.AcknowledgeOpensRequest, _: AcknowledgeContext
    ) -> pb.AcknowledgeOpensResponse:
        """Acknowledge every open of a subscription up to a cursor."""
        checks = FieldChecks()
        checks.require_id(request.subscription_id, "subscription_id")
        checks.require(bool(request.cursor), "cursor", "is missing")
        checks.require(bool(request.session_token), "session_token", "is missing")
        checks.finish()
        acknowledged = await own_subscriptions(self._log.subscriptions).acknowledge(
            request.subscription_id,
            up_to=decode_cursor(request.cursor, self._log.identity),
            session_token=request.session_token,
        )
        return pb.AcknowledgeOpensResponse(cursor=encode_cursor(acknowledged, self._log.identity))

    def service(self, *, can_serve: Callable[[], bool]) -> GrpcService:
        """Return what a gRPC server needs to serve this as long as *can_serve*."""
        return GrpcService(name=SERVICE_NAME, add=self._add, can_serve=can_serve)

    def _add(self, server: grpc.aio.Server) -> None:
        # Not the generated function, which would serialize what is serialized already.  From
        # the contract's own list, so that an RPC without a method here ends the start.
        handlers = {
            method.name: _handler(method, getattr(self, method.name)) for method in _SERVICE.methods
        }
        server.add_registered_method_handlers(SERVICE_NAME, handlers)


def _handler(
    method: MethodDescriptor, behavior: Callable[..., Any]
) -> "grpc.RpcMethodHandler[Any, Any]":
    make: Callable[..., grpc.RpcMethodHandler[Any, Any]] = (
        grpc.unary_stream_rpc_method_handler
        if method.server_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(
        behavior,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=_octets_of,
    )


def _octets_of(response: bytes | Message) -> bytes:
    return response if isinstance(response, bytes) else response.SerializeToString()
