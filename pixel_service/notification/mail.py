"""The octets of a notification that are the same for every open of a message."""

from collections.abc import Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from pixel_service.notification.address import address_of
from pixel_service.privacy import KEEPING_CORRESPONDENCE

EVENT_TYPE: Final = "Open"

# Tags of the model system, and of Amazon SES before it.
_CONFIGURATION_TAG: Final = "ses:configuration-set"
_FROM_DOMAIN_TAG: Final = "ses:from-domain"


def mail_octets(kept: token_pb.PixelToken, configuration_id: str) -> bytes:
    """Return the fields of a notification that describe its message, serialized.

    *kept* is what its privacy level left of a token: see `keep_message`.
    """
    # Set one by one: as arguments they take half as long again.
    notification = pb.OpenNotification()
    notification.event_type = EVENT_TYPE
    notification.configuration_id = configuration_id
    notification.privacy_level = kept.privacy_level
    # Slices, because reading a repeated field item by item takes twice as long.
    to_mailboxes = kept.to_mailboxes[:]
    mail = notification.mail
    if kept.acceptance_time_us:
        mail.acceptance_time.FromMicroseconds(kept.acceptance_time_us)
    mail.message_id = kept.message_id
    mail.identity_id = kept.identity_id
    # A level that names people says at least that there were header fields.
    if kept.privacy_level in KEEPING_CORRESPONDENCE:
        mail.common_headers.SetInParent()
        _describe(mail.common_headers, kept, to_mailboxes)
    for each in kept.notified_fields[:]:
        mail.headers.add(name=each.name, value=each.value)
    mail.headers_truncated = kept.headers_truncated
    for key, value in _tags(kept, configuration_id).items():
        mail.tags[key].append(value)
    if destination := kept.recipient or _only_address(to_mailboxes):
        mail.destination.append(destination)
    return notification.SerializeToString()


def _describe(
    headers: pb.CommonHeaders, kept: token_pb.PixelToken, to_mailboxes: Sequence[str]
) -> None:
    headers.from_mailboxes.extend(kept.from_mailboxes[:])
    headers.date = kept.date
    headers.to_mailboxes.extend(to_mailboxes)
    headers.message_id = headers.original_message_id = kept.header_message_id
    headers.subject = kept.subject


def _tags(kept: token_pb.PixelToken, configuration_id: str) -> dict[str, str]:
    """Return the tags; a custom one cannot pose as the system's."""
    tags = {each.key: each.value for each in kept.tags[:]}
    tags.pop(_FROM_DOMAIN_TAG, None)
    if from_domain := kept.identity_id.rpartition("@")[2]:
        tags[_FROM_DOMAIN_TAG] = from_domain
    tags[_CONFIGURATION_TAG] = configuration_id
    return tags


def _only_address(to_mailboxes: Sequence[str]) -> str:
    """Return the address of the only mailbox of To: a token leaves out that recipient."""
    return address_of(to_mailboxes[0]) if len(to_mailboxes) == 1 else ""
