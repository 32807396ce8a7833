"""Objections of whoever a message was sent to."""

from collections.abc import Iterable, Mapping

import grpc
import htpy as h

from emailopens.notification.v1 import open_notification_pb2
from emailopens.pixel.v1 import objection_service_pb2 as pb
from emailopens.pixel.v1 import objection_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2, pixel_service_pb2_grpc
from pixel_service.page.searching import search
from pixel_service.page.views.message_pages import missing_page
from pixel_service.page.views.objection_pages import objection_page
from pixel_service.page.visit import Visit


async def object_for(
    visit: Visit, message_id: str, form: Mapping[str, str], *, before: str = ""
) -> h.Node:
    """Take or withdraw the objection that *form* says, and return how things stand then.

    Nothing is taken where no open was found in the time that a page has: whose the message
    is may be kept all the same.
    """
    found = await search(
        pixel_service_pb2_grpc.PixelServiceStub(visit.channel),
        pixel_service_pb2.SearchOpensRequest(
            message_id=message_id, before_cursor=before, max_opens=1
        ),
    )
    if not found.notifications and not found.last.is_complete:
        return missing_page(message_id, found.last)
    recipient = _recipient_of(found.notifications)
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
    return list(objection_page(message_id, recipient, objection, before=before))


async def _existing(
    stub: "pb_grpc.ObjectionServiceAsyncStub", request: pb.GetObjectionRequest
) -> pb.Objection | None:
    try:
        return (await stub.GetObjection(request)).objection
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise


def _recipient_of(notifications: Iterable[open_notification_pb2.OpenNotification]) -> str:
    """Return the recipient that an open of a message says; empty where it says none."""
    recipients = [each for one in notifications for each in one.mail.destination]
    return recipients[0] if len(recipients) == 1 else ""
