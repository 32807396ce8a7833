"""Which copies a message is sent as, and who gets which."""

from collections.abc import Iterator, Sequence

from mail_bridge.next_hop import Copy
from mail_bridge.smtp import Change, Message
from mail_bridge.transaction import MOST_RECIPIENTS_TOGETHER, Transaction

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
        for start in range(0, len(places), MOST_RECIPIENTS_TOGETHER):
            some = places[start : start + MOST_RECIPIENTS_TOGETHER]
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
