"""Numbering where the counts are in the database and several processes count.

The numbers are not known until the database has counted.  So a plan says how far
each open stands before the count that the database will return.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pixel_service.openlog.numbering import BurstWindow, Counts, MessageOf
from pixel_service.opens import OpenRecord


class Place(NamedTuple):
    """Where one open stands among those of its message in one batch."""

    opens_after: int
    """Its number is the message's count less this."""

    burst: int
    """The burst that it belongs to; 0 if it, or one earlier in the batch, begins it."""

    bursts_after: int
    """Else its burst is the message's count of bursts less this."""


NOWHERE = Place(0, 0, 0)


class Plan(NamedTuple):
    """How a batch will be numbered."""

    places: Sequence[Place]
    """One for each open."""

    totals: Mapping[MessageOf, Counts]
    """How many opens and bursts each message gains, in the order in which to lock them."""


def plan_numbers(opens: Sequence[OpenRecord], window: BurstWindow) -> Plan:
    """Return how *opens* will be numbered."""
    totals: dict[MessageOf, Counts] = {}
    begun = BurstWindow(window=window.window)
    ordinals: list[tuple[int, int, int]] = []
    for open_ in opens:
        if open_.message_key is None:
            ordinals.append((0, 0, 0))
            continue
        message = (open_.message_key, open_.configuration_id)
        before = totals.get(message, Counts(0, 0))
        known = window.number_of(open_) or 0
        ordinal = 0 if known else begun.number_of(open_) or 0
        bursts = before.bursts
        if not known and not ordinal:
            ordinal = bursts = before.bursts + 1
            begun.begin(open_, ordinal)
        totals[message] = Counts(before.opens + 1, bursts)
        ordinals.append((before.opens + 1, known, ordinal))
    return Plan(
        places=[
            NOWHERE
            if open_.message_key is None
            else _place(totals[open_.message_key, open_.configuration_id], *numbers)
            for open_, numbers in zip(opens, ordinals, strict=True)
        ],
        totals=dict(sorted(totals.items())),
    )


def _place(total: Counts, open_ordinal: int, burst: int, burst_ordinal: int) -> Place:
    return Place(total.opens - open_ordinal, burst, 0 if burst else total.bursts - burst_ordinal)


def remember_bursts(
    opens: Sequence[OpenRecord],
    plan: Plan,
    counted: Mapping[MessageOf, int],
    window: BurstWindow,
) -> None:
    """Remember the bursts that *opens* began, now that the database has counted them."""
    for open_, place in zip(opens, plan.places, strict=True):
        if open_.message_key is None or place.burst or window.number_of(open_) is not None:
            continue
        bursts = counted[open_.message_key, open_.configuration_id]
        window.begin(open_, bursts - place.bursts_after)
