"""What a token says, as the rest of the service wants it."""

import dataclasses
import datetime as dt
import functools
import hashlib
from typing import Final

from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.opens import MESSAGE_KEY_OCTETS
from pixel_service.pixel_token import TokenOpener
from pixel_service.privacy import Correspondence, Message, PrivacyLevel, level_of

# Repeats come in bursts: Yahoo fetches up to four times within seconds. More would make
# every full garbage collection longer, because each message is a handful of objects.
_MAX_CACHED: Final = 2_048

_EPOCH: Final = dt.datetime.fromtimestamp(0, dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SealedMessage:
    """What a token says of its message."""

    privacy_level: PrivacyLevel
    message: Message
    correspondence: Correspondence
    notified: tuple[str, ...]
    """IDs of the configurations whose subscribers are notified."""
    counted: tuple[str, ...]
    """IDs of the configurations that only count."""

    message_key: bytes | None
    """Tells messages apart in the log without their IDs; None if it may not."""

    mail_octets: dict[str, bytes] = dataclasses.field(default_factory=dict, repr=False)
    """By configuration: what every notification of this message begins with. Filled
    by its first open."""


class SealedMessages:
    """Opens tokens, and remembers those it opened lately."""

    def __init__(self, opener: TokenOpener) -> None:
        # Forged tokens raise, and what raises is not kept: nobody can push out
        # what is there by making tokens up.
        self.open = functools.lru_cache(maxsize=_MAX_CACHED)(
            lambda token: message_of(opener.unseal(token))
        )


def message_of(token: pb.PixelToken) -> SealedMessage:
    """Return what *token* says."""
    level = level_of(token.privacy_level)
    return SealedMessage(
        privacy_level=level,
        message=Message(
            message_id=token.message_id,
            acceptance_time=_EPOCH + dt.timedelta(microseconds=token.acceptance_time_us),
            tags=tuple((tag.key, tag.value) for tag in token.tags),
        ),
        correspondence=Correspondence(
            identity_id=token.identity_id,
            from_mailboxes=tuple(token.from_mailboxes),
            to_mailboxes=tuple(token.to_mailboxes),
            date=token.date,
            subject=token.subject,
            header_message_id=token.header_message_id,
            notified_fields=tuple((field.name, field.value) for field in token.notified_fields),
            headers_truncated=token.headers_truncated,
            recipient=token.recipient,
        ),
        notified=tuple(token.configuration_ids),
        counted=tuple(token.statistics_configuration_ids),
        message_key=message_key(token.message_id)
        if token.message_id and level < PrivacyLevel.ANONYMOUS
        else None,
    )


def message_key(message_id: str) -> bytes:
    """Return what tells messages apart in the log without their IDs."""
    return hashlib.blake2b(message_id.encode(), digest_size=MESSAGE_KEY_OCTETS).digest()
