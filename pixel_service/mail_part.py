"""The part of a notification that is the same for every open of a message."""

import functools
import re
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Final, cast

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.privacy import Correspondence, KeptOpen, Message
from pixel_service.protobuf_times import timestamp
from pixel_service.wire import field, tag

EVENT_TYPE: Final = "Open"

# Tags of the model system, and of Amazon SES before it.
_CONFIGURATION_TAG: Final = "ses:configuration-set"
_FROM_DOMAIN_TAG: Final = "ses:from-domain"

# System tags name a configuration, or a sender's domain. About 200 octets each.
_MAX_CACHED_TAGS: Final = 1_024

_MAIL_TAG: Final = tag(pb.OpenNotification.MAIL_FIELD_NUMBER)

_ADDRESS: Final = r'[^\s"()<>\\,:;@\[\]]+@[^\s"()<>\\,:;@\[\]]+'

# `address`, and `name <address>` with the name quoted or not.
_COMMON_MAILBOX: Final = re.compile(rf'({_ADDRESS})|(?:"[^"\\]*"|[^"()<>\\,:;@])*<({_ADDRESS})>')


def mail_part(kept: KeptOpen, configuration_id: str) -> bytes:
    """Return the fields of a notification that tell of its message, serialized."""
    notification = pb.OpenNotification(
        event_type=EVENT_TYPE,
        configuration_id=configuration_id,
        privacy_level=cast("privacy_level_pb2.PrivacyLevel.ValueType", kept.privacy_level.value),
    )
    mail = _mail(kept.message, kept.correspondence).SerializeToString()
    tags = _tag_parts(kept.message, kept.correspondence, configuration_id)
    return notification.SerializeToString() + field(_MAIL_TAG, b"".join((mail, *tags)))


def _mail(message: Message | None, correspondence: Correspondence | None) -> pb.Mail:
    mail = pb.Mail()
    if message is not None:
        mail.message_id = message.message_id
        mail.acceptance_time.CopyFrom(timestamp(message.acceptance_time))
    if correspondence is not None:
        mail.identity_id = correspondence.identity_id
        mail.common_headers.CopyFrom(_common_headers(correspondence))
        for name, value in correspondence.notified_fields:
            mail.headers.add(name=name, value=value)
        mail.headers_truncated = correspondence.headers_truncated
        mail.destination.extend(destination_of(correspondence))
    return mail


def _tag_parts(
    message: Message | None, correspondence: Correspondence | None, configuration_id: str
) -> Iterator[bytes]:
    """Yield the tags, each as a field of the mail; a custom one cannot pose as the system's."""
    if message is not None:
        for key, value in message.tags:
            if key not in (_CONFIGURATION_TAG, _FROM_DOMAIN_TAG):
                yield _tag_part(key, value)
    if correspondence is not None and correspondence.from_domain:
        yield _system_tag_part(_FROM_DOMAIN_TAG, correspondence.from_domain)
    yield _system_tag_part(_CONFIGURATION_TAG, configuration_id)


def _tag_part(key: str, value: str) -> bytes:
    mail = pb.Mail()
    mail.tags[key].values.add(string_value=value)
    return mail.SerializeToString()


_system_tag_part: Final = functools.lru_cache(maxsize=_MAX_CACHED_TAGS)(_tag_part)


def destination_of(correspondence: Correspondence) -> list[str]:
    """Return the recipient's address, as a list of one; empty if it is not known.

    A token leaves it out when it is that of the only mailbox of To.
    """
    if correspondence.recipient:
        return [correspondence.recipient]
    if len(correspondence.to_mailboxes) != 1:
        return []
    address = address_of(correspondence.to_mailboxes[0])
    return [address] if address else []


def address_of(mailbox: str) -> str:
    """Return the address in *mailbox*; empty if there is none.

    The full grammar (RFC 5322 section 3.4) takes as long as all the rest of a
    notification, and the two common forms can be told apart without it.
    """
    common = _COMMON_MAILBOX.fullmatch(mailbox)
    return common[1] or common[2] if common else parseaddr(mailbox)[1]


def _common_headers(correspondence: Correspondence) -> pb.CommonHeaders:
    return pb.CommonHeaders(
        from_mailboxes=correspondence.from_mailboxes,
        to_mailboxes=correspondence.to_mailboxes,
        date=correspondence.date,
        subject=correspondence.subject,
        message_id=correspondence.header_message_id,
        original_message_id=correspondence.header_message_id,
    )
