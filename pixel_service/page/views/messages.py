"""Messages: found, looked at, exported, and their opens erased."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Final

import grpc
import htpy as h
from google.protobuf import json_format

from emailopens.pixel.v1 import operation_service_pb2, operation_service_pb2_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.page.failures import said_beside_form
from pixel_service.page.opened_messages import messages_of
from pixel_service.page.searching import all_opens, search
from pixel_service.page.views.message_pages import (
    By,
    erase_page,
    erased_page,
    found_messages,
    message_page,
    missing_page,
    search_form,
)
from pixel_service.page.visit import Visit

# As many as a person goes through; whoever wants more goes on from there.
_FOUND: Final = 200

# Of one message: nearly every message has fewer.
_SHOWN: Final = 100

# What a browser waits for; whatever is not done by then, the next call does.
_ERASING: Final = dt.timedelta(seconds=60)


async def search_messages(visit: Visit, form: Mapping[str, str]) -> h.Node:
    """Return the form to search with, and what the search that *form* asks for has found."""
    by = By(form["by"]) if form.get("by") in set(By) else By.SUBJECT
    text = form.get("text", "").strip()
    if not text:
        latest = h.p(".muted")[h.a(href="/")["Now"], " has the latest."]
        return [h.h1["Messages"], search_form(by), latest]
    request = pb.SearchOpensRequest(
        **{by.value: text}, before_cursor=form.get("before", ""), max_opens=_FOUND
    )
    try:
        found = await search(pb_grpc.PixelServiceStub(visit.channel), request)
        shown: h.Node = found_messages(messages_of(found.notifications), found.last, by, text)
    except grpc.aio.AioRpcError as error:
        shown = said_beside_form(error)
    return [h.h1["Messages"], search_form(by, text), shown]


async def show_message(visit: Visit, message_id: str, *, before: str = "") -> h.Node:
    """Return what is known of a message.

    Args:
        visit: whose look it is.
        message_id: the message.
        before: only opens before this cursor; empty: all.
    """
    found = await search(
        pb_grpc.PixelServiceStub(visit.channel),
        pb.SearchOpensRequest(message_id=message_id, before_cursor=before, max_opens=_SHOWN),
    )
    messages = messages_of(found.notifications)
    if not messages:
        return missing_page(message_id, found.last)
    return message_page(
        messages[0],
        found.last,
        before=before,
        may_erase=visit.may("OperationService/EraseOpens"),
        may_object=visit.may("ObjectionService/CreateObjection"),
    )


async def export_message(visit: Visit, message_id: str) -> AsyncIterator[bytes]:
    """Yield the opens of a message, the newest first: a line of canonical JSON each."""
    stub = pb_grpc.PixelServiceStub(visit.channel)
    async for notifications in all_opens(stub, message_id):
        lines = (json_format.MessageToJson(each, indent=None) for each in notifications)
        yield "".join(f"{line}\n" for line in lines).encode()


async def erase_message(visit: Visit, message_id: str, form: Mapping[str, str]) -> h.Node:
    """Erase the opens of a message if *form* says that this is meant; otherwise ask."""
    if form.get("sure") != "yes":
        return erase_page(message_id)
    last = operation_service_pb2.EraseOpensResponse()
    is_complete = False
    stub = operation_service_pb2_grpc.OperationServiceStub(visit.channel)
    call = stub.EraseOpens(operation_service_pb2.EraseOpensRequest(message_id=message_id))
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ERASING.total_seconds()):
                async for response in call:
                    last = response
                is_complete = True
    finally:
        call.cancel()
    return erased_page(message_id, last, is_complete=is_complete)
