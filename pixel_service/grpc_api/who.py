"""Who a request is about: a recipient, or a message.  No text of ours repeats an address."""

from typing import Final

from pixel_service.notification import matches_message, matches_recipient
from service_runtime.field_checks import FieldChecks

# An address of 254 characters (RFC 5321 section 4.5.3.1.3), and a display name.
MAX_RECIPIENT_CHARACTERS: Final = 1_000


def has_recipient(mailbox: str, checks: FieldChecks) -> bool:
    """Return whether *mailbox* has an address; note that the field `recipient` is wrong if not."""
    if len(mailbox) > MAX_RECIPIENT_CHARACTERS:
        checks.refuse("recipient", f"has more than {MAX_RECIPIENT_CHARACTERS:,} characters")
        return False
    try:
        matches_recipient(mailbox)
    except ValueError:
        checks.refuse("recipient", "is not an address, such as local@domain")
        return False
    return True


def has_message_id(message_id: str, checks: FieldChecks) -> bool:
    """Return whether a message may have *message_id*; note that the field is wrong if not."""
    try:
        matches_message(message_id)
    except ValueError:
        checks.refuse("message_id", "is not a message ID as RewriteMessage returns it")
        return False
    return True
