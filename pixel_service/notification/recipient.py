"""Whom a message was rewritten for."""

from google.protobuf.message import DecodeError

from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.notification.address import address_of


def recipient_of(message: bytes) -> str:
    """Return the address of the recipient of a *message* as it is kept: a serialized token.

    Empty if it does not say, or cannot be read: whoever makes notifications of it says so.
    """
    try:
        token = pb.PixelToken.FromString(message)
    except DecodeError:
        return ""
    if token.recipient:
        return token.recipient
    # Left out where it is the only mailbox of the To field.
    mailboxes = token.to_mailboxes
    return address_of(mailboxes[0]) if len(mailboxes) == 1 else ""
