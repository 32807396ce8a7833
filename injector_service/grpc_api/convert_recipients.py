"""Requests for several recipients and their answers: values from and to the contract's."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from emailopens.errors.v1 import error_reason_pb2
from emailopens.injector.v1 import injector_service_pb2 as pb
from injector_service.copy_plan import Copy
from injector_service.errors import MessageTooLarge, RecipientLeftOver
from injector_service.grpc_api.convert_configuration import (
    privacy_level_from_proto,
    privacy_level_to_proto,
)
from injector_service.grpc_api.convert_rewrite import (
    OUTCOME_TO_PROTO,
    TRACKING_OFF,
    WARNING_TO_PROTO,
    check_tracking,
)
from injector_service.injector import Copies
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
from service_runtime.turns import Turns


class _OfAll(NamedTuple):
    """What the request says of all recipients."""

    tags: Mapping[str, str]
    is_off: bool
    level: PrivacyLevel


async def read_recipients_request(
    message: pb.RewriteForRecipientsRequest, *, max_message_octets: int
) -> RecipientsRequest:
    """Return *message* as a request; what is wrong with one recipient is said of it.

    Raises:
        InvalidFields: naming each field that is wrong for all.
        MessageTooLarge: the message has more than *max_message_octets*.
    """
    checks = FieldChecks()
    check_tracking(message.tracking, checks)
    of_all = _OfAll(
        tags=dict(message.tags),
        is_off=message.tracking == TRACKING_OFF,
        level=privacy_level_from_proto(message.privacy_level, checks, "privacy_level"),
    )
    recipients = []
    turns = Turns()
    # One more than may be says that they are too many.
    for each in message.recipients[: MAX_RECIPIENTS + 1]:
        recipients.append(_recipient(each, of_all))
        await turns.share()
    request = RecipientsRequest(
        raw_message=message.raw_message,
        recipients=tuple(recipients),
        configuration_ids=tuple(message.configuration_ids),
        default_configuration_ids=tuple(message.default_configuration_ids),
        tags=of_all.tags,
        message_id=message.message_id,
    )
    check_recipients_request(request, checks)
    checks.finish()
    octets = len(request.raw_message)
    if octets > max_message_octets:
        raise MessageTooLarge(octets=octets, max_octets=max_message_octets)
    return request


def _recipient(message: pb.RewriteForRecipientsRequest.Recipient, of_all: _OfAll) -> Recipient:
    checks = FieldChecks()
    tags, is_off, level = of_all
    check_recipient(message.address, checks, field="address")
    check_message_id(message.message_id, checks)
    if message.tags:
        tags = {**tags, **message.tags}
        check_tags(tags, checks)
    if message.tracking:
        check_tracking(message.tracking, checks)
        is_off = is_off or message.tracking == TRACKING_OFF
    if message.privacy_level:
        own = privacy_level_from_proto(message.privacy_level, checks, "privacy_level")
        level = max(level, own)
    exchangers: Sequence[str] = ()
    if message.recipient_mx:
        exchangers = tuple(message.recipient_mx)
        check_recipient_mx(exchangers, checks)
    return Recipient(
        message.address,
        tags,
        message.message_id,
        is_off,
        level,
        mistake=checks.mistake(),
        recipient_mx=exchangers,
    )


async def copies_to_proto(copies: Copies) -> pb.RewriteForRecipientsResponse:
    """Return *copies* as the contract has them."""
    response = pb.RewriteForRecipientsResponse(configuration_ids=copies.configuration_ids)
    turns = Turns()
    for index, copy in enumerate(copies.copies):
        _fill(response.results.add(), copy)
        if copy.error is not None:
            _fill_error(response.results[index].error, copy.error, index)
        await turns.share()
    return response


def _fill(result: pb.RewriteForRecipientsResponse.Result, copy: Copy) -> None:
    rewritten = copy.rewritten
    result.outcome = OUTCOME_TO_PROTO[rewritten.outcome]
    result.message_id = copy.message_id
    if copy.privacy_level is not None:
        result.privacy_level = privacy_level_to_proto(copy.privacy_level)
    if rewritten.pixel is not None:
        result.pixel_url = rewritten.pixel.url
    if rewritten.warnings:
        result.warnings.extend(WARNING_TO_PROTO[each] for each in rewritten.warnings)
    for splice in (rewritten.removal, rewritten.splice):
        if splice is not None and splice.changes:
            added = result.splices.add()
            # One by one: by their names in one call takes longer.
            added.offset, added.delete_count, added.insert = splice


def _fill_error(
    result: pb.RewriteForRecipientsResponse.Error,
    error: InvalidFields | RecipientLeftOver,
    index: int,
) -> None:
    if isinstance(error, RecipientLeftOver):
        result.reason = error_reason_pb2.ERROR_REASON_RECIPIENT_LEFT_OVER
        result.message = error.message
        return
    result.reason = error_reason_pb2.ERROR_REASON_INVALID_FIELD
    result.message = "; ".join(
        f"recipients[{index}].{each.field}: {each.description}" for each in error.violations
    )
