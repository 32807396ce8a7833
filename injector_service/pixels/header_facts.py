"""What a notification says of a message's header, as it is written there."""

from collections.abc import Collection
from typing import NamedTuple

from injector_service.pixels.token_payload import NotifiedField, TokenPayload
from injector_service.rewriting import MAX_URL_CHARACTERS
from injector_service.rewriting.mime import (
    Header,
    from_address_and_mailboxes,
    recipient_addresses,
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

    def with_core(self, core: TokenPayload) -> TokenPayload:
        """Return *core* with these."""
        return core._replace(
            identity_id=self.identity_id,
            from_mailboxes=self.from_mailboxes,
            to_mailboxes=self.to_mailboxes,
            date=self.date,
            subject=self.subject,
            header_message_id=self.header_message_id,
            notified_fields=self.notified_fields,
            recipient=self.recipient,
        )


def read_header_facts(header: Header, notified_headers: Collection[str]) -> HeaderFacts:
    """Return what notifications carry of *header*, but for the recipient.

    Args:
        header: the message's header.
        notified_headers: names of the fields that the configurations ask for.
    """
    identity_id, from_mailboxes = from_address_and_mailboxes(header)
    return HeaderFacts(
        identity_id=identity_id,
        from_mailboxes=from_mailboxes,
        to_mailboxes=to_mailboxes(header),
        date=header.text(b"date"),
        subject=header.text(b"subject"),
        header_message_id=header.text(b"message-id"),
        notified_fields=_notified_fields(header, notified_headers),
    )


def read_recipient(header: Header) -> str:
    """Return the recipient of a message with one in its header."""
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
