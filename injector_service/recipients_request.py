"""What a caller asks for the copies of one message, and what it may ask."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from injector_service.privacy import PrivacyLevel
from injector_service.rewrite_request import (
    MAX_RECIPIENTS,
    check_configuration_ids,
    check_message,
    check_message_id,
    check_tags,
)
from service_runtime.errors import InvalidFields
from service_runtime.field_checks import FieldChecks


class Recipient(NamedTuple):
    """Whoever gets a copy, and how that is tracked: with what the request says of all."""

    address: str
    tags: Mapping[str, str]
    message_id: str = ""
    is_tracking_off: bool = False
    privacy_level: PrivacyLevel = PrivacyLevel.FULL
    mistake: InvalidFields | None = None
    """What is wrong with this recipient alone."""
    recipient_mx: Sequence[str] = ()
    """The names of the recipient's mail exchangers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecipientsRequest:
    """One message for several recipients."""

    raw_message: bytes
    recipients: tuple[Recipient, ...]
    configuration_ids: tuple[str, ...] = ()
    default_configuration_ids: tuple[str, ...] = ()
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    message_id: str = ""
    """From which those of the copies are derived."""


def check_recipients_request(request: RecipientsRequest, checks: FieldChecks) -> None:
    """Note everything that is wrong with *request* as a whole."""
    count = len(request.recipients)
    check_message(request.raw_message, checks)
    check_configuration_ids(request.configuration_ids, checks)
    check_configuration_ids(
        request.default_configuration_ids, checks, field="default_configuration_ids"
    )
    checks.require(count, "recipients", "must not be empty")
    checks.require_at_most(count, MAX_RECIPIENTS, "recipients", "elements")
    check_tags(request.tags, checks)
    check_message_id(request.message_id, checks)
