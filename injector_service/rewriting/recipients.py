"""Who is tracked: a pixel can name only one recipient."""

from collections.abc import Iterable, Sequence

from injector_service.rewriting.mime import Header, recipient_addresses
from injector_service.rewriting.outcome import Outcome


def refusal_for_recipients(header: Header, recipients: Sequence[str]) -> Outcome | None:
    """Return None if there is exactly one recipient, else why the message is not tracked.

    *recipients* are the envelope's.  Without them the addresses of To, Cc and
    Bcc count.  A field that is no address list may hold any number of them.
    """
    if len(recipients) == 1:
        return None
    if recipients:
        return _judge(recipients)
    addresses: list[str] = []
    for address in recipient_addresses(header):
        if address is None:
            return Outcome.SEVERAL_RECIPIENTS if addresses else Outcome.NO_RECIPIENT
        addresses.append(address)
    return _judge(addresses)


def _judge(addresses: Iterable[str]) -> Outcome | None:
    distinct = {_comparable(address) for address in addresses}
    if len(distinct) == 1:
        return None
    return Outcome.SEVERAL_RECIPIENTS if distinct else Outcome.NO_RECIPIENT


def _comparable(address: str) -> tuple[str, str]:
    """Return what equal addresses share: the domain ignores case (RFC 5321 section 2.4)."""
    local_part, _, domain = address.strip().rpartition("@")
    return local_part, domain.lower()
