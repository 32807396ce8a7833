"""The octets of a notification that are the same for every open of a message."""

import functools
from collections.abc import Iterator, Sequence
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from pixel_service.notification.address import address_of
from pixel_service.privacy import KEEPING_CORRESPONDENCE
from pixel_service.protobuf_octets import field, tag, text, timestamp_octets

EVENT_TYPE: Final = "Open"

# Tags of the model system, and of Amazon SES before it.
_CONFIGURATION_TAG: Final = "ses:configuration-set"
_FROM_DOMAIN_TAG: Final = "ses:from-domain"

# System tags name a configuration, or a sender's domain. About 200 octets each.
_MAX_CACHED_TAGS: Final = 1_024

_MAIL_TAG: Final = tag(pb.OpenNotification.MAIL_FIELD_NUMBER)

_ACCEPTANCE_TIME_TAG: Final = tag(pb.Mail.ACCEPTANCE_TIME_FIELD_NUMBER)
_MESSAGE_ID_TAG: Final = tag(pb.Mail.MESSAGE_ID_FIELD_NUMBER)
_IDENTITY_TAG: Final = tag(pb.Mail.IDENTITY_ID_FIELD_NUMBER)
_COMMON_HEADERS_TAG: Final = tag(pb.Mail.COMMON_HEADERS_FIELD_NUMBER)
_HEADERS_TAG: Final = tag(pb.Mail.HEADERS_FIELD_NUMBER)
_HEADERS_TRUNCATED: Final = pb.Mail(headers_truncated=True).SerializeToString()
_DESTINATION_TAG: Final = tag(pb.Mail.DESTINATION_FIELD_NUMBER)

_FROM_TAG: Final = tag(pb.CommonHeaders.FROM_MAILBOXES_FIELD_NUMBER)
_DATE_TAG: Final = tag(pb.CommonHeaders.DATE_FIELD_NUMBER)
_TO_TAG: Final = tag(pb.CommonHeaders.TO_MAILBOXES_FIELD_NUMBER)
_HEADER_MESSAGE_ID_TAG: Final = tag(pb.CommonHeaders.MESSAGE_ID_FIELD_NUMBER)
_SUBJECT_TAG: Final = tag(pb.CommonHeaders.SUBJECT_FIELD_NUMBER)
_ORIGINAL_MESSAGE_ID_TAG: Final = tag(pb.CommonHeaders.ORIGINAL_MESSAGE_ID_FIELD_NUMBER)


def mail_octets(kept: token_pb.PixelToken, configuration_id: str) -> bytes:
    """Return the fields of a notification that describe its message, serialized.

    *kept* is what its privacy level left of a token: see `keep_message`.
    """
    mail = b"".join((_mail(kept), *_tags_octets(kept, configuration_id)))
    return _envelope(configuration_id, kept.privacy_level) + field(_MAIL_TAG, mail)


@functools.lru_cache(maxsize=_MAX_CACHED_TAGS)
def _envelope(configuration_id: str, level: privacy_level_pb2.PrivacyLevel.ValueType) -> bytes:
    return pb.OpenNotification(
        event_type=EVENT_TYPE, configuration_id=configuration_id, privacy_level=level
    ).SerializeToString()


# Written by hand: through a `Mail` object it takes three times as long.
def _mail(kept: token_pb.PixelToken) -> bytes:
    # Slices, because reading a repeated field item by item takes twice as long.
    to_mailboxes = kept.to_mailboxes[:]
    accepted = kept.acceptance_time_us
    return b"".join(
        (
            field(_ACCEPTANCE_TIME_TAG, timestamp_octets(accepted)) if accepted else b"",
            text(_MESSAGE_ID_TAG, kept.message_id),
            text(_IDENTITY_TAG, kept.identity_id),
            # A level that names people says at least that there were header fields.
            field(_COMMON_HEADERS_TAG, _common_headers(kept, to_mailboxes))
            if kept.privacy_level in KEEPING_CORRESPONDENCE
            else b"",
            *[_header_field(each.name, each.value) for each in kept.notified_fields[:]],
            _HEADERS_TRUNCATED if kept.headers_truncated else b"",
            text(_DESTINATION_TAG, kept.recipient or _only_address(to_mailboxes)),
        )
    )


def _common_headers(kept: token_pb.PixelToken, to_mailboxes: Sequence[str]) -> bytes:
    message_id = kept.header_message_id
    return b"".join(
        (
            *[text(_FROM_TAG, mailbox) for mailbox in kept.from_mailboxes[:]],
            text(_DATE_TAG, kept.date),
            *[text(_TO_TAG, mailbox) for mailbox in to_mailboxes],
            text(_HEADER_MESSAGE_ID_TAG, message_id),
            text(_SUBJECT_TAG, kept.subject),
            text(_ORIGINAL_MESSAGE_ID_TAG, message_id),
        )
    )


def _header_field(name: str, value: str) -> bytes:
    return field(_HEADERS_TAG, pb.HeaderField(name=name, value=value).SerializeToString())


def _tags_octets(kept: token_pb.PixelToken, configuration_id: str) -> Iterator[bytes]:
    """Yield the tags, each as a field of the mail; a custom one cannot pose as the system's."""
    for each in kept.tags[:]:
        if each.key not in (_CONFIGURATION_TAG, _FROM_DOMAIN_TAG):
            yield _tag_octets(each.key, each.value)
    from_domain = kept.identity_id.rpartition("@")[2]
    if from_domain:
        yield _system_tag_octets(_FROM_DOMAIN_TAG, from_domain)
    yield _system_tag_octets(_CONFIGURATION_TAG, configuration_id)


def _tag_octets(key: str, value: str) -> bytes:
    mail = pb.Mail()
    mail.tags[key].values.add(string_value=value)
    return mail.SerializeToString()


_system_tag_octets: Final = functools.lru_cache(maxsize=_MAX_CACHED_TAGS)(_tag_octets)


def _only_address(to_mailboxes: Sequence[str]) -> str:
    """Return the address of the only mailbox of To: a token leaves out that recipient."""
    return address_of(to_mailboxes[0]) if len(to_mailboxes) == 1 else ""
