"""Who a message is from and to, as its header says."""

import pytest

from injector_service.rewriting.mime.correspondents import (
    from_address_and_mailboxes,
    recipient_addresses,
    sender_address,
    to_mailboxes,
)
from tests.mail.headers import header_of


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        (["From: A <a@example.org>, b@example.org"], "a@example.org"),
        (['From: "open'], ""),
        (["Sender: a@example.org"], ""),
    ],
)
def test_sender_is_the_first_mailbox_of_from(fields: list[str], address: str) -> None:
    """The sender's address is that of the first mailbox of From; empty if there is none."""
    assert sender_address(header_of(*fields)) == address


def test_mailboxes_are_as_written() -> None:
    """Mailboxes keep their display names, and a field that is no address list is one of them."""
    header = header_of("From: A <a@example.org>, b@example.org", "To: c@example.org", 'To: "open')

    assert from_address_and_mailboxes(header)[1] == ("A <a@example.org>", "b@example.org")
    assert to_mailboxes(header) == ("c@example.org", '"open')


def test_recipients_are_those_of_to_cc_and_bcc() -> None:
    """Addresses come from To, then Cc, then Bcc, with None for a field that is no list."""
    header = header_of("Bcc: d@example.org", 'Cc: "open', "To: A <a@example.org>, b@example.org")

    assert recipient_addresses(header) == ["a@example.org", "b@example.org", None, "d@example.org"]
