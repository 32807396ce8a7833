"""Appending to SQLite: one transaction of the one connection that writes."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.openlog import clock
from pixel_service.openlog.numbering import BurstWindow, Counts, MessageOf, number_opens
from pixel_service.opens import OpenRecord

# Driver-level statements: Core's insert costs a fifth of the rate.
_INSERT_OPENS: Final = (
    "INSERT INTO opens (sequence, transaction_id, recorded_us, event_id, configuration_id, agent, "
    "confidence, open_number, burst, message_key, notification) "
    "VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_COUNTS: Final = (
    "INSERT INTO open_counts (message_key, configuration_id, opens, bursts) VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET opens = excluded.opens, bursts = excluded.bursts"
)
# The last open, or, when retention has removed it, where it was.
_LAST: Final = (
    "SELECT max(trimmed_sequence, ifnull((SELECT max(sequence) FROM opens), 0)), "
    "ifnull((SELECT recorded_us FROM opens ORDER BY sequence DESC LIMIT 1), 0) FROM open_log"
)

# Parameters of one look-up.  SQLite's default limit is 32,766; a few sizes keep its
# statement cache warm.
_LOOKUP_SIZES: Final = (1, 8, 64, 512)


def append(connection: sa.Connection, opens: Sequence[OpenRecord], window: BurstWindow) -> int:
    """Append *opens* inside the caller's transaction; return the last sequence number.

    Raises:
        sqlalchemy.exc.IntegrityError: an event ID is there already, or stands twice.
    """
    last, last_us = connection.exec_driver_sql(_LAST).one()
    # Never backwards, whatever the clock does, so that times can be searched.
    recorded_us = max(clock.now_us(), last_us)
    counts = _counts_of(connection, {open_.message_key for open_ in opens} - {None})
    numbers = number_opens(opens, counts, window)
    connection.exec_driver_sql(
        _INSERT_OPENS,
        [
            (
                sequence,
                recorded_us,
                open_.event_id,
                open_.configuration_id,
                open_.agent,
                open_.confidence,
                open_number,
                burst,
                open_.message_key,
                open_.notification if open_.notified else b"",
            )
            for sequence, (open_, (open_number, burst)) in enumerate(
                zip(opens, numbers, strict=True), start=last + 1
            )
        ],
    )
    changed = {
        (open_.message_key, open_.configuration_id)
        for open_ in opens
        if open_.message_key is not None
    }
    if changed:
        # In key order, which touches each page of the index once.
        connection.exec_driver_sql(
            _INSERT_COUNTS, [(*message, *counts[message]) for message in sorted(changed)]
        )
    return int(last) + len(opens)


def without_duplicates(connection: sa.Connection, opens: Sequence[OpenRecord]) -> list[OpenRecord]:
    """Return *opens* without those whose event ID is there already, or stands earlier."""
    event_ids = [open_.event_id for open_ in opens]
    there = {
        row[0]
        for row in _look_up(
            connection, "SELECT event_id FROM opens WHERE event_id IN ({})", event_ids
        )
    }
    fresh: dict[str, OpenRecord] = {}
    for open_ in opens:
        if open_.event_id not in there:
            fresh.setdefault(open_.event_id, open_)
    return list(fresh.values())


def _counts_of(
    connection: sa.Connection, message_keys: Iterable[bytes | None]
) -> dict[MessageOf, Counts]:
    rows = _look_up(
        connection,
        "SELECT message_key, configuration_id, opens, bursts FROM open_counts "
        "WHERE message_key IN ({})",
        sorted(key for key in message_keys if key is not None),
    )
    return {(row[0], row[1]): Counts(row[2], row[3]) for row in rows}


def _look_up(
    connection: sa.Connection, statement: str, keys: Sequence[object]
) -> Iterable[Sequence[Any]]:
    """Run *statement* for *keys*, in groups of few sizes, the last key repeated."""
    start = 0
    while start < len(keys):
        left = len(keys) - start
        size = next((size for size in _LOOKUP_SIZES if size >= left), _LOOKUP_SIZES[-1])
        group = tuple(keys[start : start + size])
        group += (group[-1],) * (size - len(group))
        yield from connection.exec_driver_sql(statement.format(",".join("?" * size)), group)
        start += size
