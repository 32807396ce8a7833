"""A notification's octets, and how they are matched when somebody is to be forgotten.

A notification is what readers of the log get for an open.  Its octets are made in three
parts, each as soon as it is known: `mail_octets` for the message, `open_octets` for the
fetch, `number_open` for what the log counts.  Joined, they are one serialized
`OpenNotification`.  Imports `privacy`, `evidence` and `protobuf_octets`; knows neither
logs nor the network.

Read `open` first.
"""

from pixel_service.notification.address import address_of
from pixel_service.notification.mail import SYSTEM_TAGS, mail_octets
from pixel_service.notification.matching import (
    Matches,
    matches_message,
    matches_recipient,
    matches_subject,
)
from pixel_service.notification.open import number_open, open_octets
from pixel_service.notification.recipient import recipient_of
from pixel_service.notification.recorded import RecordedOpen, read_recorded

__all__ = [
    "SYSTEM_TAGS",
    "Matches",
    "RecordedOpen",
    "address_of",
    "mail_octets",
    "matches_message",
    "matches_recipient",
    "matches_subject",
    "number_open",
    "open_octets",
    "read_recorded",
    "recipient_of",
]
