"""Requests for several recipients and their answers: values from and to the contract's."""

from collections.abc import Iterator

from emailopens.errors.v1 import error_reason_pb2
from emailopens.injector.v1 import injector_service_pb2 as pb
from injector_service.errors import MessageTooLarge
from injector_service.grpc_api.convert_configuration import (
    privacy_level_from_proto,
    privacy_level_to_proto,
)
from injector_service.grpc_api.convert_rewrite import (
    OUTCOME_TO_PROTO,
    WARNING_TO_PROTO,
    check_tracking,
)
from injector_service.injector import Copies, Copy
from injector_service.privacy import PrivacyLevel
from injector_service.recipients_request import (
    Recipient,
    RecipientsRequest,
    check_recipients_request,
)
from injector_service.rewrite_request import (
    MAX_RECIPIENTS,
    check_message_id,
    check_recipient,
    check_recipient_mx,
    check_tags,
)
from service_runtime.errors import InvalidFields
from service_runtime.field_checks import FieldChecks

_OFF = pb.RewriteMessageRequest.TRACKING_OFF


def read_recipients_request(
    message: pb.RewriteForRecipientsRequest, *, max_message_octets: int
) -> RecipientsRequest:
    """Return *message* as a request; what is wrong with one recipient is said of it.

    Raises:
        InvalidFields: naming each field that is wrong for all.
        MessageTooLarge: the message has more than *max_message_octets*.
    """
    checks = FieldChecks()
    check_tracking(message.tracking, checks)
    level = privacy_level_from_proto(message.privacy_level, checks, "privacy_level")
    request = RecipientsRequest(
        raw_message=message.raw_message,
        recipients=tuple(_recipients(message, level)),
        configuration_ids=tuple(message.configuration_ids),
        default_configuration_ids=tuple(message.default_configuration_ids),
        tags=dict(message.tags),
        message_id=message.message_id,
    )
    check_recipients_request(request, checks)
    checks.finish()
    octets = len(request.raw_message)
    if octets > max_message_octets:
        raise MessageTooLarge(octets=octets, max_octets=max_message_octets)
    return request


def _recipients(
    message: pb.RewriteForRecipientsRequest, level: PrivacyLevel
) -> Iterator[Recipient]:
    tags = dict(message.tags)
    is_off = message.tracking == _OFF
    # One more than may be says that they are too many.
    for each in message.recipients[: MAX_RECIPIENTS + 1]:
        checks = FieldChecks()
        check_recipient(each.address, checks, field="address")
        check_message_id(each.message_id, checks)
        check_tracking(each.tracking, checks)
        own_level = privacy_level_from_proto(each.privacy_level, checks, "privacy_level")
        check_recipient_mx(each.recipient_mx, checks)
        own_tags = tags
        if each.tags:
            own_tags = {**tags, **each.tags}
            check_tags(own_tags, checks)
        yield Recipient(
            address=each.address,
            tags=own_tags,
            message_id=each.message_id,
            is_tracking_off=is_off or each.tracking == _OFF,
            privacy_level=max(level, own_level),
            mistake=_mistake(checks),
            recipient_mx=each.recipient_mx[:],
        )


def _mistake(checks: FieldChecks) -> InvalidFields | None:
    try:
        checks.finish()
    except InvalidFields as error:
        return error
    return None


def copies_to_proto(copies: Copies) -> pb.RewriteForRecipientsResponse:
    """Return *copies* as the contract has them."""
    return pb.RewriteForRecipientsResponse(
        results=[_result(copy, index) for index, copy in enumerate(copies.copies)],
        configuration_ids=copies.configuration_ids,
    )


def _result(copy: Copy, index: int) -> pb.RewriteForRecipientsResponse.Result:
    rewritten = copy.rewritten
    result = pb.RewriteForRecipientsResponse.Result(
        outcome=OUTCOME_TO_PROTO[rewritten.outcome],
        message_id=copy.message_id,
        pixel_url="" if rewritten.pixel is None else rewritten.pixel.url,
        warnings=[WARNING_TO_PROTO[each] for each in rewritten.warnings],
    )
    if copy.privacy_level is not None:
        result.privacy_level = privacy_level_to_proto(copy.privacy_level)
    splice = rewritten.splice
    if splice is not None and (splice.delete_count or splice.insert):
        result.splices.add(
            offset=splice.offset, delete_count=splice.delete_count, insert=splice.insert
        )
    if copy.error is not None:
        result.outcome = pb.RewriteMessageResponse.OUTCOME_RECIPIENT_ERROR
        result.error.reason = error_reason_pb2.ERROR_REASON_INVALID_FIELD
        result.error.message = "; ".join(
            f"recipients[{index}].{each.field}: {each.description}"
            for each in copy.error.violations
        )
    return result
