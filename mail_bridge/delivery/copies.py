"""Which copies a message is sent as, and who gets which."""

from collections.abc import Iterator, Sequence
from typing import Final

from mail_bridge.next_hop import Copy
from mail_bridge.smtp import Change, Message
from mail_bridge.transaction import Transaction

# What every server takes in one transaction (RFC 5321 section 4.5.3.1.8).
_MOST_RECIPIENTS: Final = 100

Places = Sequence[int]


def copies_of(
    transaction: Transaction, changes: Sequence[tuple[Change, ...]]
) -> Iterator[tuple[Copy, Places]]:
    """Yield each copy that is sent, with the places of its recipients.

    Recipients whose copies are equal share one.  A tracked copy has a pixel of its own.

    Args:
        transaction: the message.
        changes: what makes each recipient's copy of it.
    """
    message = Message(transaction.message)
    sharing: dict[tuple[Change, ...], list[int]] = {}
    for place, each in enumerate(changes):
        sharing.setdefault(each, []).append(place)
    for each, places in sharing.items():
        # Nobody gets a message if somebody is refused: of one transaction that can be said.
        most = len(places) if transaction.has_one_answer else _MOST_RECIPIENTS
        for start in range(0, len(places), most):
            some = places[start : start + most]
            copy = Copy(
                mail=transaction.mail,
                recipients=[transaction.recipients[place].line for place in some],
                xforward=transaction.xforward,
                message=message,
                changes=each,
                all_or_none=transaction.has_one_answer,
            )
            yield copy, some


def growth(changes: Sequence[Change]) -> int:
    """Return how many octets *changes* add."""
    return sum(len(each.insert) - (each.end - each.start) for each in changes)
