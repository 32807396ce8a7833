"""Who a message is from and to, as its header says."""

from collections.abc import Iterable, Sequence
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
    return from_address_and_mailboxes(header)[0]


def from_address_and_mailboxes(header: Header) -> tuple[str, tuple[str, ...]]:
    """Return that, and the mailboxes of From as `to_mailboxes` returns those of To."""
    values = header.get_all("From")
    lists = [_split(value) for value in values]
    address = addr_spec(lists[0][0]) if lists and lists[0] else ""
    return address, _joined(header, "From", values, lists)


def to_mailboxes(header: Header) -> tuple[str, ...]:
    """Return the mailboxes of To as written; a field that is no address list is one of them."""
    values = header.get_all("To")
    return _joined(header, "To", values, [_split(value) for value in values])


def recipient_addresses(header: Header) -> Sequence[str | None]:
    """Return the addresses of To, Cc and Bcc; None for each field that is no address list."""
    if header.recipients is None:
        header.recipients = _read_recipients(header)
    return header.recipients


def _read_recipients(header: Header) -> Sequence[str | None]:
    addresses: list[str | None] = []
    for name in _RECIPIENT_FIELDS:
        for value in header.get_all(name):
            found = _split(value)
            addresses += [None] if found is None else map(addr_spec, found)
    return addresses


def _split(value: str | None) -> list[str] | None:
    return None if value is None else mailboxes(value)


def _joined(
    header: Header, name: str, values: Sequence[str | None], lists: Iterable[list[str] | None]
) -> tuple[str, ...]:
    """Return the mailboxes of *lists*, which are what *values* split into, if they do."""
    found: list[str] = []
    for value, split in zip(values, lists, strict=True):
        if split is not None:
            found += split
        elif value is not None:
            found.append(value)
        else:
            found.append((header.get(name) or "")[:_UNREAD_CHARACTERS])
    return tuple(found)
