"""ObjectionService: from calls to the store, and back."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

from emailopens.pixel.v1 import objection_service_pb2 as pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as pb_grpc
from pixel_service.grpc_api.times import timestamp
from pixel_service.grpc_api.who import has_message_id, has_recipient
from pixel_service.notification import address_of
from pixel_service.open_log import (
    Objection,
    ObjectionSubject,
    OpenLog,
    message_key,
    message_objection_key,
    objection_digest_key,
    recipient_objection_key,
)
from service_runtime.field_checks import FieldChecks
from service_runtime.grpc_server import GrpcService
from service_runtime.page_tokens import page_of, read_page_token

SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["ObjectionService"].full_name

_DEFAULT_PAGE_SIZE: Final = 50
_MAX_PAGE_SIZE: Final = 1_000

_KEY_DIGITS: Final = 32

Context = grpc.aio.ServicerContext[Any, Any]


class ObjectionServicer(pb_grpc.ObjectionServiceServicer):
    """Serves those who keep who has objected."""

    def __init__(self, *, open_log: OpenLog, on_change: Callable[[], Awaitable[None]]) -> None:
        """Serve the objections of *open_log*; await *on_change* after each change."""
        self._store = open_log.objections
        self._log_key = open_log.identity.cursor_key
        self._on_change = on_change

    async def CreateObjection(
        self, request: pb.CreateObjectionRequest, _: Context
    ) -> pb.CreateObjectionResponse:
        """Keep an objection."""
        key = self._key_of(request)
        subject = (
            ObjectionSubject.RECIPIENT
            if request.WhichOneof("subject") == "recipient"
            else ObjectionSubject.MESSAGE
        )
        made = await self._store.create(key, subject)
        await self._on_change()
        return pb.CreateObjectionResponse(objection=_to_proto(made))

    async def GetObjection(
        self, request: pb.GetObjectionRequest, _: Context
    ) -> pb.GetObjectionResponse:
        """Return an objection."""
        found = await self._store.get(self._key_of(request))
        return pb.GetObjectionResponse(objection=_to_proto(found))

    async def ListObjections(
        self, request: pb.ListObjectionsRequest, _: Context
    ) -> pb.ListObjectionsResponse:
        """Return a page of the objections."""
        checks = FieldChecks()
        size = checks.page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, most=_MAX_PAGE_SIZE)
        after = _read_id(read_page_token(request.page_token, checks), "page_token", checks)
        checks.finish()
        found = await self._store.page(after_key=after, limit=size + 1)
        page, token = page_of(found, size, lambda each: each.key.hex())
        return pb.ListObjectionsResponse(
            objections=[_to_proto(each) for each in page],
            next_page_token=token,
        )

    async def DeleteObjection(
        self, request: pb.DeleteObjectionRequest, _: Context
    ) -> pb.DeleteObjectionResponse:
        """Withdraw an objection."""
        await self._store.delete(self._key_of(request))
        await self._on_change()
        return pb.DeleteObjectionResponse()

    async def ListObjectionDigests(
        self, request: pb.ListObjectionDigestsRequest, _: Context
    ) -> pb.ListObjectionDigestsResponse:
        """Return by what recipients who have objected are told."""
        known = request.unless_change if request.HasField("unless_change") else None
        found = await self._store.keys(unless_change=known, subject=ObjectionSubject.RECIPIENT)
        if found is None:
            return pb.ListObjectionDigestsResponse(change=request.unless_change, is_unchanged=True)
        return pb.ListObjectionDigestsResponse(
            change=found.change,
            key=objection_digest_key(self._log_key),
            digests=b"".join(found.keys),
        )

    def _key_of(
        self,
        request: pb.CreateObjectionRequest | pb.GetObjectionRequest | pb.DeleteObjectionRequest,
    ) -> bytes:
        """Return the key of the objection that *request* names."""
        checks = FieldChecks()
        key = b""
        match request.WhichOneof("subject"):
            case "recipient":
                if has_recipient(request.recipient, checks):
                    address = address_of(request.recipient)
                    key = recipient_objection_key(address, self._log_key)
            case "message_id":
                if has_message_id(request.message_id, checks):
                    key = message_objection_key(message_key(request.message_id), self._log_key)
            case "objection_id" if not isinstance(request, pb.CreateObjectionRequest):
                key = _read_id(request.objection_id, "objection_id", checks)
                checks.require(key, "objection_id", "must be set")
            case _:
                checks.refuse("subject", "is missing: say whose objection")
        checks.finish()
        return key

    def service(self, *, can_serve: Callable[[], bool]) -> GrpcService:
        """Return what a gRPC server needs to serve this as long as *can_serve*."""
        return GrpcService(
            name=SERVICE_NAME,
            add=lambda server: pb_grpc.add_ObjectionServiceServicer_to_server(self, server),
            can_serve=can_serve,
        )


def _read_id(text: str, field: str, checks: FieldChecks) -> bytes:
    """Return the key that an ID stands for; empty if it is."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b"?"
    checks.require(len(text) in {0, _KEY_DIGITS} and key != b"?", field, "is no ID of an objection")
    return key


def _to_proto(objection: Objection) -> pb.Objection:
    return pb.Objection(
        id=objection.key.hex(),
        subject=pb.Objection.Subject.ValueType(objection.subject),
        create_time=timestamp(objection.create_time),
    )
