"""Which opens are those of one recipient, of one message, or of one subject."""

import re
from collections.abc import Callable
from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.notification.address import address_of
from pixel_service.notification.open import number_open
from service_runtime.addresses import comparable
from service_runtime.encoded_words import decode_words

Matches = Callable[[bytes], bool]

# As `RewriteMessageRequest.message_id` promises it.
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9._@+=~-]{1,128}")


def matches_recipient(mailbox: str) -> Matches:
    """Return a function that says whether a notification is of a message to *mailbox*.

    However its address is written: see `comparable`.

    Raises:
        ValueError: there is not an address in it. An empty one would be equal to that of
            every recipient that is not known.
    """
    address = address_of(mailbox)
    wanted = comparable(address)
    if not all(wanted.rpartition("@")):
        raise ValueError(f"{mailbox!r} is not an address")
    # Most notifications are ruled out without being parsed, if the address is of letters that it
    # has however it is written.
    is_plain = address.isascii() and "xn--" not in wanted and "xn--" not in address.lower()
    local, _, domain = wanted.encode().rpartition(b"@") if is_plain else (b"", b"", b"")

    def matches(notification: bytes) -> bool:
        octets = notification.lower()
        if (local not in octets or domain not in octets) and b"\\" not in octets:
            return False
        mail = _complete(notification).mail
        mailboxes = (address_of(each) for each in mail.common_headers.to_mailboxes)
        return wanted in {comparable(each) for each in (*mail.destination, *mailboxes)}

    return matches


def matches_message(message_id: str) -> Matches:
    """Return a function that says whether a notification is of the message *message_id*.

    Raises:
        ValueError: no message has such an ID. An empty one would be that of every
            anonymous open.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"{message_id!r} is not a message ID as RewriteMessage answers it")
    fragment = message_id.encode()

    def matches(notification: bytes) -> bool:
        if fragment not in notification:
            return False
        return _complete(notification).mail.message_id == message_id

    return matches


def matches_subject(text: str) -> Matches:
    """Return a function that says whether a notification's subject has *text* in it.

    As people read it: encoded words are decoded, and case does not matter.
    """
    wanted = text.casefold()

    # None is ruled out by its octets: encoded words, and letters such as "ß", which case folding
    # makes two of, hide the text in them.
    def matches(notification: bytes) -> bool:
        subject = _complete(notification).mail.common_headers.subject
        return wanted in decode_words(subject).casefold()

    return matches


def _complete(notification: bytes) -> pb.OpenNotification:
    """Return *notification* as it is kept, where the numbers are still missing.

    Of one that has them only `mail` is right.
    """
    return pb.OpenNotification.FromString(notification + number_open(0, 0))
