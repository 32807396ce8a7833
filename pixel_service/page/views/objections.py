"""Objections of whoever a message was sent to."""

from collections.abc import Mapping

import grpc
import htpy as h

from emailopens.pixel.v1 import objection_service_pb2 as pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2, pixel_service_pb2_grpc
from pixel_service.page.searching import search
from pixel_service.page.views.objection_pages import objection_page
from pixel_service.page.visit import Visit


async def object_for(visit: Visit, message_id: str, form: Mapping[str, str]) -> h.Node:
    """Take or withdraw the objection that *form* says, and return how things stand then."""
    recipient = await _recipient_of(visit, message_id)
    subject = {"recipient": recipient} if recipient else {"message_id": message_id}
    stub = pb_grpc.ObjectionServiceStub(visit.channel)
    match form.get("do"):
        case "object":
            await stub.CreateObjection(pb.CreateObjectionRequest(**subject))
        case "withdraw":
            await stub.DeleteObjection(pb.DeleteObjectionRequest(**subject))
        case _:
            pass
    objection = await _existing(stub, pb.GetObjectionRequest(**subject))
    return list(objection_page(message_id, recipient, objection))


async def _existing(
    stub: "pb_grpc.ObjectionServiceAsyncStub", request: pb.GetObjectionRequest
) -> pb.Objection | None:
    try:
        return (await stub.GetObjection(request)).objection
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise


async def _recipient_of(visit: Visit, message_id: str) -> str:
    """Return the recipient of a message; empty where none of its opens says that."""
    found = await search(
        pixel_service_pb2_grpc.PixelServiceStub(visit.channel),
        pixel_service_pb2.SearchOpensRequest(message_id=message_id, max_opens=1),
    )
    recipients = [each for one in found.notifications for each in one.mail.destination]
    return recipients[0] if len(recipients) == 1 else ""
