"""The octets of a notification that are the same for every open of a message."""

import functools
from collections.abc import Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from pixel_service.notification.address import address_of
from pixel_service.privacy import KEEPING_CORRESPONDENCE

EVENT_TYPE: Final = "Open"

# Tags of the model system, and of Amazon SES before it.
_CONFIGURATION_TAG: Final = "ses:configuration-set"
_FROM_DOMAIN_TAG: Final = "ses:from-domain"
SYSTEM_TAGS: Final = frozenset({_CONFIGURATION_TAG, _FROM_DOMAIN_TAG})

# About 200 octets each; without them a notification's beginning takes a third longer.
_MAX_CACHED_BEGINNINGS: Final = 1_024


def mail_octets(kept: token_pb.PixelToken, configuration_id: str) -> bytes:
    """Return the fields of a notification that describe its message, serialized.

    *kept* is what its privacy level left of a token: see `keep_message`.
    """
    from_domain = kept.identity_id.rpartition("@")[2]
    notification = pb.OpenNotification.FromString(
        _beginning(configuration_id, kept.privacy_level, from_domain)
    )
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
    for tag in kept.tags[:]:
        # A custom one cannot pose as the system's.
        if tag.key not in SYSTEM_TAGS:
            mail.tags[tag.key].append(tag.value)
    if destination := kept.recipient or _only_address(to_mailboxes):
        mail.destination.append(destination)
    return notification.SerializeToString()


@functools.lru_cache(maxsize=_MAX_CACHED_BEGINNINGS)
def _beginning(
    configuration_id: str, level: privacy_level_pb2.PrivacyLevel.ValueType, from_domain: str
) -> bytes:
    """Return what messages of one configuration and one sender's domain share, serialized."""
    notification = pb.OpenNotification(
        event_type=EVENT_TYPE, configuration_id=configuration_id, privacy_level=level
    )
    tags = notification.mail.tags
    if from_domain:
        tags[_FROM_DOMAIN_TAG].append(from_domain)
    tags[_CONFIGURATION_TAG].append(configuration_id)
    return notification.SerializeToString()


def _describe(
    headers: pb.CommonHeaders, kept: token_pb.PixelToken, to_mailboxes: Sequence[str]
) -> None:
    headers.from_mailboxes.extend(kept.from_mailboxes[:])
    headers.date = kept.date
    headers.to_mailboxes.extend(to_mailboxes)
    headers.message_id = headers.original_message_id = kept.header_message_id
    headers.subject = kept.subject


def _only_address(to_mailboxes: Sequence[str]) -> str:
    """Return the address of the only mailbox of To: a token leaves out that recipient."""
    return address_of(to_mailboxes[0]) if len(to_mailboxes) == 1 else ""
