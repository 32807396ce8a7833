"""A message is tested: whether it would be tracked, and where its pixel would be."""

import asyncio
import dataclasses
from typing import Final

import grpc
import htpy as h

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from pixel_service.page.failures import failed_beside_form
from pixel_service.page.placing import Place, place_of
from pixel_service.page.views.trial_pages import Asked, result, trial_form
from pixel_service.page.visit import Visit

MAX_MESSAGE_OCTETS: Final = 4_000_000
"""Far more than a newsletter has; what a gRPC client takes in one message, with a pixel in it."""

# What was pasted is shown again to be mended; what is longer came from a file, or is none
# that a person mends.
_MOST_SHOWN_AGAIN: Final = 200_000

# A message of the largest size takes a second.
_SECONDS: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be tested."""

    raw_message: bytes = b""
    """Empty: nothing yet."""

    asked: Asked = dataclasses.field(default_factory=Asked)


async def try_message(visit: Visit, trial: Trial) -> h.Node:
    """Return the form, and what became of the message that it had."""
    heading = h.h1["Test a message"]
    if visit.injector is None:
        return [
            heading,
            h.p[
                "No injector service is named, and only that knows what becomes of a message. ",
                "Start this service with ",
                h.code["--injector HOST:PORT"],
                ".",
            ],
        ]
    form = trial_form(_shown_again(trial.asked), most_octets=MAX_MESSAGE_OCTETS)
    if not trial.raw_message:
        return [heading, form]
    request = pb.RewriteMessageRequest(
        raw_message=trial.raw_message,
        configuration_ids=trial.asked.configuration_ids.replace(",", " ").split(),
        recipients=trial.asked.recipient.split(),
    )
    stub = pb_grpc.InjectorServiceStub(visit.injector)
    try:
        response = await stub.RewriteMessage(request, timeout=_SECONDS)
    except grpc.aio.AioRpcError as error:
        # Whatever it is: the text is not lost, and the injector may have keys of its own.
        return [heading, failed_beside_form(error), form]
    place = await _place_of(response)
    return [heading, list(result(response, place, size=len(trial.raw_message))), form]


async def _place_of(response: pb.RewriteMessageResponse) -> Place | None:
    if not response.pixel_url:
        return None
    # Reading a large message takes a while, and others wait for their pages.
    return await asyncio.to_thread(place_of, response.raw_message, response.pixel_url)


def _shown_again(asked: Asked) -> Asked:
    if len(asked.text) <= _MOST_SHOWN_AGAIN:
        return asked
    return dataclasses.replace(asked, text="")
