"""Appending to SQLite: one transaction of the one connection that writes."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from pixel_service.open_log.numbering import BurstWindow, MessageOf, number_opens
from pixel_service.open_log.sqlite.counts import MessageCounts, look_up
from pixel_service.open_log.sqlite.recording_time import RecordingTime
from pixel_service.open_log.sqlite.rows import insert_rows
from pixel_service.open_log.values import JournalPosition, OpenRecord

# Driver-level statements: Core's insert costs a fifth of the rate.
_INSERT: Final = (
    "INSERT INTO opens (sequence, transaction_id, recorded_us, event_id, configuration_id, agent, "
    "confidence, open_number, burst, message_key, notification) "
    "VALUES {}"
)
_ROW: Final = "(?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# The last open, or, when retention has removed it, where it was.
_LAST: Final = (
    "SELECT max(trimmed_sequence, ifnull((SELECT max(sequence) FROM opens), 0)), "
    "ifnull((SELECT recorded_us FROM opens ORDER BY sequence DESC LIMIT 1), 0) FROM open_log"
)
_RECORDED: Final = (
    "INSERT INTO open_journals (journal_id, segment, sequence) VALUES (?, ?, ?) "
    "ON CONFLICT DO UPDATE SET segment = excluded.segment, sequence = excluded.sequence"
)
# For the few that have a count: as one more value of every open it would cost every append.
_COLLAPSED: Final = "UPDATE opens SET collapsed = ? WHERE event_id = ?"
_THERE: Final = "SELECT event_id FROM opens WHERE event_id IN ({})"


def append(
    connection: sa.Connection,
    opens: Sequence[OpenRecord],
    *,
    counts: MessageCounts,
    window: BurstWindow,
    times: RecordingTime,
    journal: JournalPosition | None = None,
) -> int:
    """Append *opens* inside the caller's transaction; return the last sequence number.

    Raises:
        sqlalchemy.exc.IntegrityError: an event ID is there already, or is listed twice.
    """
    if journal is not None:
        connection.exec_driver_sql(
            _RECORDED, (journal.journal_id, journal.segment, journal.sequence)
        )
    last, last_us = connection.exec_driver_sql(_LAST).one()
    if not opens:
        return int(last)
    recorded_us = times.next_us(connection, last=last, last_us=last_us)
    messages = {message for open_ in opens if (message := _message_of(open_)) is not None}
    known = counts.look_up(connection, messages)
    numbers = number_opens(opens, known, window)
    rows = _rows(opens, numbers, after=last, recorded_us=recorded_us)
    insert_rows(connection, _INSERT, _ROW, rows)
    for open_ in opens:
        if open_.collapsed:
            connection.exec_driver_sql(_COLLAPSED, (open_.collapsed, open_.event_id))
    last = int(last) + len(opens)
    counts.update(connection, {message: known[message] for message in messages}, last=last)
    return last


def _rows(
    opens: Sequence[OpenRecord],
    numbers: Sequence[tuple[int, int]],
    *,
    after: int,
    recorded_us: int,
) -> list[tuple[object, ...]]:
    return [
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
            zip(opens, numbers, strict=True), start=after + 1
        )
    ]


def without_duplicates(connection: sa.Connection, opens: Sequence[OpenRecord]) -> list[OpenRecord]:
    """Return *opens* without those whose event ID is there already, or is listed earlier."""
    event_ids = [open_.event_id for open_ in opens]
    there = {row[0] for row in look_up(connection, _THERE, event_ids)}
    fresh: dict[str, OpenRecord] = {}
    for open_ in opens:
        if open_.event_id not in there:
            fresh.setdefault(open_.event_id, open_)
    return list(fresh.values())


def _message_of(open_: OpenRecord) -> MessageOf | None:
    return None if open_.message_key is None else (open_.message_key, open_.configuration_id)
