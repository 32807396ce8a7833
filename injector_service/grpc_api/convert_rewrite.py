"""Rewriting requests and their answers: values from and to the contract's messages."""

from typing import Final

from emailopens.injector.v1 import injector_service_pb2 as pb
from injector_service.errors import MessageTooLarge
from injector_service.grpc_api.convert_configuration import (
    privacy_level_from_proto,
    privacy_level_to_proto,
)
from injector_service.injector import Answer
from injector_service.rewrite_request import RewriteRequest, check_rewrite_request
from injector_service.rewriting import Outcome, RewriteWarning
from service_runtime.field_checks import FieldChecks

OUTCOME_TO_PROTO: Final = {
    each: pb.RewriteMessageResponse.Outcome.Value(f"OUTCOME_{each.name}") for each in Outcome
}
WARNING_TO_PROTO: Final = {
    each: pb.RewriteMessageResponse.Warning.Value(f"WARNING_{each.name}") for each in RewriteWarning
}

# By names of their own: the generated classes look theirs up each time.
TRACKING_OFF: Final = pb.RewriteMessageRequest.TRACKING_OFF
_VIEW_SPLICE: Final = pb.RewriteMessageRequest.VIEW_SPLICE
_TRACKINGS: Final = frozenset(pb.RewriteMessageRequest.Tracking.values())
_VIEWS: Final = frozenset(pb.RewriteMessageRequest.View.values())


def read_rewrite_request(
    message: pb.RewriteMessageRequest, *, max_message_octets: int
) -> RewriteRequest:
    """Return *message* as a request.

    Raises:
        InvalidFields: naming each field that is wrong.
        MessageTooLarge: the message has more than *max_message_octets*.
    """
    checks = FieldChecks()
    check_tracking(message.tracking, checks)
    if message.view not in _VIEWS:
        checks.refuse("view", "must be a view that this service knows")
    request = RewriteRequest(
        raw_message=message.raw_message,
        configuration_ids=tuple(message.configuration_ids),
        recipients=tuple(message.recipients),
        tags=dict(message.tags),
        message_id=message.message_id,
        is_tracking_off=message.tracking == TRACKING_OFF,
        privacy_level=privacy_level_from_proto(message.privacy_level, checks, "privacy_level"),
        recipient_mx=tuple(message.recipient_mx),
    )
    check_rewrite_request(request, checks)
    checks.finish()
    octets = len(request.raw_message)
    if octets > max_message_octets:
        raise MessageTooLarge(octets=octets, max_octets=max_message_octets)
    return request


def check_tracking(
    tracking: pb.RewriteMessageRequest.Tracking.ValueType,
    checks: FieldChecks,
    *,
    field: str = "tracking",
) -> None:
    """Note that *tracking* is no choice of ours."""
    if tracking not in _TRACKINGS:
        checks.refuse(field, "must be a choice that this service knows")


def answer_to_proto(
    answer: Answer, raw: bytes, view: pb.RewriteMessageRequest.View.ValueType
) -> pb.RewriteMessageResponse:
    """Return *answer* about the message *raw*, in the *view* that was asked for."""
    rewritten = answer.rewritten
    response = pb.RewriteMessageResponse()
    # One by one: by their names in one call takes three times as long.
    response.outcome = OUTCOME_TO_PROTO[rewritten.outcome]
    response.message_id = answer.message_id
    if rewritten.pixel is not None:
        response.pixel_url = rewritten.pixel.url
    if rewritten.warnings:
        response.warnings.extend(WARNING_TO_PROTO[each] for each in rewritten.warnings)
    response.configuration_ids.extend(answer.configuration_ids)
    response.privacy_level = privacy_level_to_proto(answer.privacy_level)
    splice = rewritten.splice
    if view != _VIEW_SPLICE:
        response.raw_message = rewritten.message(raw)
    elif splice is not None and (splice.delete_count or splice.insert):
        response.splice.offset = splice.offset
        response.splice.delete_count = splice.delete_count
        response.splice.insert = splice.insert
    return response
