"""What becomes of counts: opens are counted, erased and judged again."""

import collections
import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pixel_service.open_log.numbering import MessageOf
from pixel_service.open_log.sql.statistics.change import Change
from pixel_service.open_log.sql.statistics.opens import LOOKUP, CountedOpen, opens_at, rows_after
from pixel_service.open_log.sql.statistics.state import (
    State,
    locked_state,
    read_state,
    write_state,
)
from pixel_service.open_log.sql.tables import open_counts
from pixel_service.open_log.statistics import CountingRules, OpenFacts
from pixel_service.open_log.values import Position


class Outcome(enum.Enum):
    """What has become of a step."""

    COUNTED = "counted"
    STALE = "opens were changed after they were read"
    OVERTAKEN = "another process has counted them"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """Rows that are to be counted, or walked over, as they were read."""

    state: State
    is_repair: bool
    rows: Sequence[Any]


def read_step(connection: sa.Connection, *, max_entries: int) -> Step:
    """Return some opens after the position; without any, what the walk of repair comes to."""
    state = read_state(connection)
    rows = rows_after(connection, state.counted, max_entries)
    if rows or state.repair is None:
        return Step(state, is_repair=False, rows=rows)
    rows = rows_after(connection, state.repair, max_entries, up_to=state.counted)
    return Step(state, is_repair=True, rows=rows)


def carry_out(
    connection: sa.Connection, rules: CountingRules, step: Step, found: Sequence[CountedOpen]
) -> Outcome:
    """Count, or walk over, the opens *found* in *step*, if they are still as they were read."""
    state = locked_state(connection)
    if (state.counted, state.repair) != (step.state.counted, step.state.repair):
        return Outcome.OVERTAKEN if state.changes == step.state.changes else Outcome.STALE
    if state != step.state:
        return Outcome.STALE
    change = Change(connection, rules, state, found)
    last = Position(step.rows[-1][0], step.rows[-1][1]) if step.rows else None
    if step.is_repair:
        for open_ in found:
            change.consider(open_)
        state.repair = last
    elif last is not None:
        for open_ in found:
            change.count(open_)
        state.counted = last
        state.counted_us = max(state.counted_us, step.rows[-1][2])
    change.write()
    return Outcome.COUNTED


def take_back(
    connection: sa.Connection, rules: CountingRules, positions: Sequence[tuple[int, int]]
) -> None:
    """Take back what the opens at *positions* have counted, before they are erased."""
    state = locked_state(connection)
    state.changes += 1
    counted = [Position(*each) for each in positions if Position(*each) <= state.counted]
    found = opens_at(connection, rules, counted)
    change = Change(connection, rules, state, list(found.values()))
    taken = collections.Counter(open_.message for open_ in found.values() if open_.message)
    numbers = _numbers_of(connection, sorted({key for key, _ in taken}))
    for _, open_ in sorted(found.items()):
        message = open_.message
        is_last = message is not None and taken[message] == numbers.get(message)
        change.take_back(open_, is_last=is_last)
    change.write()


def _numbers_of(connection: sa.Connection, keys: Sequence[bytes]) -> dict[MessageOf, int]:
    """Return how many opens there were of messages."""
    numbers: dict[MessageOf, int] = {}
    for start in range(0, len(keys), LOOKUP):
        query = sa.select(
            open_counts.c.message_key, open_counts.c.configuration_id, open_counts.c.opens
        ).where(open_counts.c.message_key.in_(keys[start : start + LOOKUP]))
        numbers |= {(key, each): count for key, each, count in connection.execute(query)}
    return numbers


def judge_again(
    connection: sa.Connection,
    rules: CountingRules,
    judged: Mapping[Position, tuple[bytes, OpenFacts]],
) -> None:
    """Count the opens at these positions as what they are to be, before that is written."""
    state = locked_state(connection)
    state.changes += 1
    found = opens_at(connection, rules, [each for each in sorted(judged) if each <= state.counted])
    change = Change(connection, rules, state, list(found.values()))
    for position, open_ in sorted(found.items()):
        was, facts = judged[position]
        # What was erased meanwhile is not among them; nothing else changes a notification but
        # another judgement, after which this one is not written.
        if open_.notification == was:
            change.judge_again(open_, facts)
    change.write()


def note_removal(connection: sa.Connection) -> None:
    """Say that opens are to be removed, before they are; this locks the state, too."""
    state = locked_state(connection)
    state.changes += 1
    write_state(connection, state)
