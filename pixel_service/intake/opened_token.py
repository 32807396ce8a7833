"""What a token says, as the rest of the service wants it."""

import dataclasses
import functools
from typing import Final

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.errors import TokenInvalid
from pixel_service.intake.token_opener import TokenOpener
from pixel_service.open_log import message_key
from pixel_service.privacy import PrivacyLevel, keep_count, keep_message, level_of

# Repeats come in bursts: Yahoo fetches up to four times within seconds. More would make
# every full garbage collection longer, because each message is a handful of objects.
_MAX_CACHED: Final = 2_048

_DAY_US: Final = 86_400_000_000

# Of the usual length; nobody's.
_DECOY: Final = pb.PixelToken(
    message_id="A" * 22,
    configuration_ids=["decoy"],
    acceptance_time_us=1_770_000_000_000_000,
    privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
    identity_id="decoy@example.com",
    from_mailboxes=["Decoy <decoy@example.com>"],
    to_mailboxes=["Nobody <nobody@example.org>"],
    date="Mon, 9 Mar 2026 08:15:30 +0100",
    subject="Nothing of the kind",
    header_message_id="<decoy@example.com>",
).SerializeToString()


@dataclasses.dataclass(slots=True)
class OpenedToken:
    """What a token says of its message, as far as its privacy level keeps it."""

    # Not frozen, and with positions: one is made for nearly every fetch, and the
    # checks of a frozen one take as long as opening the token.
    privacy_level: PrivacyLevel
    octets: bytes
    """The token as it is kept, serialized."""
    acceptance_us: int
    """When the message was rewritten, microseconds since 1970 UTC; 0 if it is not kept."""
    message_key: bytes
    """Tells messages apart in the log without their IDs; empty if it may not."""
    is_notified: bool
    """Whether anybody is notified of its opens; else they are only counted."""
    is_forged: bool = False
    """Whether it stands for what is no token of ours, so that nothing is kept of it.

    The rest is made up, so that a fetch of it takes the work that another takes.
    """
    expires_us: int = 0
    """From when on fetches are no opens, microseconds since 1970 UTC; 0: never."""
    mail_provider: int = 0
    """Who takes in the recipient's mail, by the contract's number; 0 if that is not known."""


class TokenReader:
    """Opens tokens, and remembers those it opened recently."""

    def __init__(self, opener: TokenOpener) -> None:
        self._opener = opener
        # Of each instance, because a cache of the method would hold all instances. Forged
        # tokens are in it, too: asked for again, they would be told by what opening them takes.
        # Whoever makes tokens up can push out what is there, which costs 15 us for each.
        self.read = functools.lru_cache(maxsize=_MAX_CACHED)(self._read)

    def _read(self, token: str) -> OpenedToken:
        """Return what *token* says, or, if it is none of ours, what stands for it."""
        try:
            return message_of(*self._opener.unseal(token))
        except TokenInvalid:
            decoy = message_of(pb.PixelToken.FromString(_DECOY), _DECOY)
            decoy.is_forged = True
            return decoy


def message_of(token: pb.PixelToken, octets: bytes) -> OpenedToken:
    """Return what may be kept of *token*, whose *octets* are kept if it is kept whole."""
    level = level_of(token.privacy_level)
    kept = keep_message(token, level)
    message_id = kept.message_id
    is_notified = len(kept.configuration_ids) > 0
    if not is_notified:
        octets = keep_count(kept).SerializeToString()
    elif kept is not token:
        octets = kept.SerializeToString()
    return OpenedToken(
        level,
        octets,
        kept.acceptance_time_us,
        message_key(message_id) if message_id else b"",
        is_notified,
        # Of the token, because of some levels what is kept has no time.
        expires_us=token.acceptance_time_us + days * _DAY_US
        if (days := token.open_expiry_days) > 0
        else 0,
        # To judge by, and not kept where the message does not name its recipient.
        mail_provider=token.mail_provider,
    )
