"""Which opens are those of one recipient or one message."""

from collections.abc import Callable
from email.utils import parseaddr

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.open_part import number_open

Matches = Callable[[bytes], bool]


def matches_recipient(address: str) -> Matches:
    """Return what tells whether a notification is of a message to *address*.

    Addresses are compared without regard to case, as every mail system in use does.
    """
    wanted = address.strip().casefold()
    # Most notifications are told apart without being parsed.
    fragment = wanted.encode()

    def matches(notification: bytes) -> bool:
        if fragment not in notification.lower() and fragment.isascii():
            return False
        mail = _complete(notification).mail
        mailboxes = (parseaddr(each)[1] for each in mail.common_headers.to_mailboxes)
        return wanted in {each.casefold() for each in (*mail.destination, *mailboxes)}

    return matches


def matches_message(message_id: str) -> Matches:
    """Return what tells whether a notification is of the message *message_id*."""
    fragment = message_id.encode()

    def matches(notification: bytes) -> bool:
        if fragment not in notification:
            return False
        return _complete(notification).mail.message_id == message_id

    return matches


def _complete(notification: bytes) -> pb.OpenNotification:
    """Return *notification* as it is kept, where the numbers are still missing."""
    return pb.OpenNotification.FromString(notification + number_open(0, 0))
