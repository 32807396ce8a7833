"""Numbering where the counts are in the database and several processes count.

The numbers are not known until the database has counted (rule 4 of `numbering`).  So a
plan says, for each open of a batch, how many of its message's opens follow it in the
batch: its number is the count that the database returns, less these.  Bursts likewise,
unless the open joins one that this process remembers; whether that one is still there
(rule 6) only the statement can tell.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pixel_service.open_log.numbering import NEVER_OPENED, BurstWindow, Counts, MessageOf
from pixel_service.open_log.values import OpenRecord


class Place(NamedTuple):
    """The place of one open among those of its message in one batch."""

    opens_after: int
    """Its number is the message's count less this."""

    burst: int
    """The burst that it belongs to; 0 if it, or one earlier in the batch, begins it."""

    bursts_after: int
    """Else its burst is the message's count of bursts less this."""

    begins_burst: bool


NOWHERE: Final = Place(0, 0, 0, begins_burst=False)


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
    numbered: list[tuple[int, int, int, bool]] = []
    for open_ in opens:
        if open_.message_key is None:
            numbered.append((0, 0, 0, False))
            continue
        message = (open_.message_key, open_.configuration_id)
        before = totals.get(message)
        if before is None:
            before, known, ordinal = NEVER_OPENED, window.number_of(open_) or 0, 0
        else:
            # What the batch has begun has taken the place of what was remembered.
            known = 0 if begun.remembers(open_) else window.number_of(open_) or 0
            ordinal = begun.number_of(open_) or 0
        begins = not known and not ordinal
        bursts = before.bursts + begins
        if begins:
            ordinal = bursts
            begun.begin(open_, ordinal)
        totals[message] = Counts(before.opens + 1, bursts)
        numbered.append((before.opens + 1, known, ordinal, begins))
    return Plan(
        places=[
            NOWHERE
            if open_.message_key is None
            else _place(totals[open_.message_key, open_.configuration_id], *numbers)
            for open_, numbers in zip(opens, numbered, strict=True)
        ],
        totals=dict(sorted(totals.items())),
    )


def _place(
    total: Counts,
    open_ordinal: int,
    burst: int,
    burst_ordinal: int,
    begins: bool,  # noqa: FBT001 - spread from a tuple
) -> Place:
    return Place(
        total.opens - open_ordinal,
        burst,
        0 if burst else total.bursts - burst_ordinal,
        begins_burst=begins,
    )


def remember_bursts(
    opens: Sequence[OpenRecord],
    plan: Plan,
    counted: Mapping[MessageOf, int],
    window: BurstWindow,
) -> None:
    """Remember the bursts that *opens* began, now that the database has counted them."""
    for open_, place in zip(opens, plan.places, strict=True):
        if place.begins_burst and open_.message_key is not None:
            bursts = counted[open_.message_key, open_.configuration_id]
            window.begin(open_, bursts - place.bursts_after)
