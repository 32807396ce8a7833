"""What a pixel token says.  The contract is `emailopens/token/v1/pixel_token.proto`.

Named tuples, because a message makes several, and a frozen dataclass takes three times as
long to make, and ten times as long to make with other values.
"""

from typing import NamedTuple

from injector_service.pixels.mail_providers import MailProvider
from injector_service.privacy import PrivacyLevel


class NotifiedField(NamedTuple):
    """One header field that notifications carry: name and value as found."""

    name: str
    value: str


class TokenPayload(NamedTuple):
    """The content of one pixel token, before it is sealed."""

    message_id: str
    """Identifies the message; empty for ANONYMOUS."""

    configuration_ids: tuple[str, ...]
    """The configurations whose subscribers are notified."""

    statistics_configuration_ids: tuple[str, ...]
    """The configurations that only count the open."""

    acceptance_time_us: int
    """When the message was rewritten, in microseconds since 1970-01-01T00:00:00Z."""

    privacy_level: PrivacyLevel

    identity_id: str = ""
    """The sender's address."""

    from_mailboxes: tuple[str, ...] = ()
    to_mailboxes: tuple[str, ...] = ()
    date: str = ""
    subject: str = ""
    header_message_id: str = ""

    tags: tuple[tuple[str, str], ...] = ()
    """Keys with their values, ordered by key."""

    notified_fields: tuple[NotifiedField, ...] = ()

    headers_truncated: bool = False
    """Whether anything of the header was left out to keep the token short."""

    recipient: str = ""
    """The recipient's address; empty where the only To mailbox has it."""

    open_expiry_days: int = 0
    """How many days after the acceptance fetches are recorded; 0: whenever they come."""

    mail_provider: MailProvider = MailProvider.UNSPECIFIED
    """Who takes in the recipient's mail; not known for ANONYMOUS."""
