"""Who a message is from and to, as its header says."""

from typing import Final

from injector_service.rewriting.mime.addresses import addr_spec, mailboxes
from injector_service.rewriting.mime.header import Header

_RECIPIENT_FIELDS: Final = ("To", "Cc", "Bcc")
_ADDRESS_FIELDS: Final = (b"from", b"to", b"cc", b"bcc")

# What is given of a field that is too long to be read: more than fits into a pixel, which
# so says that something was left out.
_UNREAD_CHARACTERS: Final = 2_048


def address_octets(header: Header) -> int:
    """Return how many octets the fields have whose addresses are read."""
    return sum(map(header.count_octets, _ADDRESS_FIELDS))


def sender_address(header: Header) -> str:
    """Return the address of the first mailbox of From; empty if there is none."""
    value = next(iter(header.get_all("From")), None)
    found = None if value is None else mailboxes(value)
    return addr_spec(found[0]) if found else ""


def from_mailboxes(header: Header) -> tuple[str, ...]:
    """Return the mailboxes of From as written; a field that is no address list is one of them."""
    return _mailboxes(header, "From")


def to_mailboxes(header: Header) -> tuple[str, ...]:
    """Return the mailboxes of To as written; a field that is no address list is one of them."""
    return _mailboxes(header, "To")


def recipient_addresses(header: Header) -> list[str | None]:
    """Return the addresses of To, Cc and Bcc; None for each field that is no address list."""
    addresses: list[str | None] = []
    for name in _RECIPIENT_FIELDS:
        for value in header.get_all(name):
            found = None if value is None else mailboxes(value)
            addresses += [None] if found is None else map(addr_spec, found)
    return addresses


def _mailboxes(header: Header, name: str) -> tuple[str, ...]:
    found: list[str] = []
    for value in header.get_all(name):
        if value is None:
            found.append((header.get(name) or "")[:_UNREAD_CHARACTERS])
            continue
        split = mailboxes(value)
        found += [value] if split is None else split
    return tuple(found)
