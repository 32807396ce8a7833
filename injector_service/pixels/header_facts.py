"""What a notification says of a message's header, as it is written there."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from injector_service.pixels.token_payload import NotifiedField
from injector_service.rewriting import MAX_URL_CHARACTERS
from injector_service.rewriting.mime import (
    Header,
    from_mailboxes,
    recipient_addresses,
    sender_address,
    to_mailboxes,
)


class HeaderFacts(NamedTuple):
    """Values of header fields: unfolded, encoded words not decoded."""

    recipient: str = ""
    """The address of the one recipient, from the envelope or else from the header."""

    identity_id: str = ""
    from_mailboxes: tuple[str, ...] = ()
    to_mailboxes: tuple[str, ...] = ()
    date: str = ""
    subject: str = ""
    header_message_id: str = ""
    notified_fields: tuple[NotifiedField, ...] = ()


def read_header_facts(
    header: Header, recipients: Sequence[str], notified_headers: Collection[str]
) -> HeaderFacts:
    """Return what notifications carry of *header*, of a message with one recipient.

    Args:
        header: the message's header.
        recipients: the envelope's; if empty, those of the header count.
        notified_headers: names of the fields that the configurations ask for.
    """
    return HeaderFacts(
        recipient=_recipient(header, recipients),
        identity_id=sender_address(header),
        from_mailboxes=from_mailboxes(header),
        to_mailboxes=to_mailboxes(header),
        date=header.get("Date") or "",
        subject=header.get("Subject") or "",
        header_message_id=header.get("Message-ID") or "",
        notified_fields=_notified_fields(header, notified_headers),
    )


def _recipient(header: Header, recipients: Sequence[str]) -> str:
    if recipients:
        return recipients[0]
    return next((address for address in recipient_addresses(header) if address), "")


def _notified_fields(header: Header, names: Collection[str]) -> tuple[NotifiedField, ...]:
    if not names:
        return ()
    found: list[NotifiedField] = []
    room = MAX_URL_CHARACTERS
    for field in header.fields({name.lower() for name in names}):
        found.append(NotifiedField(name=field.name, value=field.value))
        room -= len(field.value)
        if room < 0:
            # This one does not fit into any pixel, nor would another after it.
            break
    return tuple(found)
