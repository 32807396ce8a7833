"""Reading from SQLite.  Sequence numbers are in commit order there, and have no gaps."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.earlier import EarlierEntries
from pixel_service.open_log.numbering import Suffixes
from pixel_service.open_log.sql.erasing import StoredOpen
from pixel_service.open_log.values import LogEntry, Position, count_within, new_log_entry

# The sequence number is the first column of both, and the octets are the last.
ENTRIES: Final = (
    "SELECT sequence, configuration_id, agent, confidence, open_number, burst, notification "
    "FROM opens WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
NOTIFICATIONS: Final = (
    "SELECT sequence, open_number, burst, notification "
    "FROM opens WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
_EARLIER_ENTRIES: Final = (
    "SELECT sequence, configuration_id, agent, confidence, open_number, burst, notification "
    "FROM opens WHERE sequence <= ? ORDER BY sequence DESC LIMIT ?"
)
# Rows that are fetched before their size is looked at.
_PORTION: Final = 16

_ENDS: Final = (
    "SELECT trimmed_sequence, "
    "max(trimmed_sequence, ifnull((SELECT max(sequence) FROM opens), 0)) FROM open_log"
)
_FIRST_TIME: Final = "SELECT sequence, recorded_us FROM opens ORDER BY sequence LIMIT 1"
_LAST_TIME: Final = "SELECT sequence, recorded_us FROM opens ORDER BY sequence DESC LIMIT 1"
_TIME_AT: Final = "SELECT recorded_us FROM opens WHERE sequence = ?"
_SIZE: Final = (
    "SELECT (page_count - freelist_count) * page_size "
    "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
_STORED: Final = (
    "SELECT sequence, message_key, notification FROM opens "
    "WHERE sequence > ? ORDER BY sequence LIMIT ?"
)


def rows_after(
    connection: sa.Connection, statement: str, sequence: int, *, limit: int, max_octets: int
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the rows of *statement* that follow *sequence*, and whether more may follow.

    At most *limit* rows, and as many as `count_within` allows.  They are fetched in
    portions, because all *limit* rows of large notifications would be a hundred megabytes.
    """
    # The driver's cursor, because a stream that catches up reads half a million
    # rows a second, and a Row object for each would be most of the cost.
    cursor = connection.connection.cursor()
    rows: list[tuple[Any, ...]] = []
    octets = 0
    try:
        cursor.execute(statement, (sequence, limit))
        while octets <= max_octets:
            portion = cursor.fetchmany(_PORTION)
            rows += portion
            octets += sum([len(row[-1]) for row in portion])
            if len(portion) < _PORTION:
                break
    finally:
        cursor.close()
    has_more = len(rows) == limit or len(portion) == _PORTION
    if octets <= max_octets:
        return rows, has_more
    count = count_within([len(row[-1]) for row in rows], max_octets)
    return rows[:count], has_more or count < len(rows)


def to_entries(rows: Sequence[tuple[Any, ...]], suffixes: Suffixes) -> list[LogEntry]:
    """Return the entries of *rows*, without those that are only counted or were erased."""
    return [
        new_log_entry(
            (
                0,
                sequence,
                configuration_id,
                agent,
                confidence,
                open_number == 1,
                notification + suffixes[open_number, burst],
            )
        )
        for sequence, configuration_id, agent, confidence, open_number, burst, notification in rows
        if notification
    ]


def earlier_entries(
    connection: sa.Connection, up_to: Position, limit: int, suffixes: Suffixes
) -> EarlierEntries:
    """Return the entries of the last *limit* opens up to *up_to*, the latest first."""
    rows = [*connection.exec_driver_sql(_EARLIER_ENTRIES, (up_to.sequence, limit))]
    return EarlierEntries(
        entries=to_entries(rows, suffixes),
        before=Position(0, rows[-1][0] - 1) if rows else up_to,
        examined=len(rows),
        at_beginning=len(rows) < limit,
    )


def to_notifications(rows: Sequence[tuple[Any, ...]], suffixes: Suffixes) -> list[bytes]:
    """Return the complete notifications of *rows*, without those that `to_entries` leaves out."""
    return [
        notification + suffixes[open_number, burst]
        for _, open_number, burst, notification in rows
        if notification
    ]


def ends(connection: sa.Connection) -> tuple[int, int]:
    """Return the sequence numbers of the last open that was trimmed and of the last one."""
    trimmed, last = connection.exec_driver_sql(_ENDS).one()
    return trimmed, last


def end_times(connection: sa.Connection) -> tuple[int | None, int | None]:
    """Return when the first and the last open were recorded, in microseconds."""
    first = connection.exec_driver_sql(_FIRST_TIME).one_or_none()
    last = connection.exec_driver_sql(_LAST_TIME).one_or_none()
    return (None if first is None else first[1], None if last is None else last[1])


def last_before(connection: sa.Connection, time_us: int) -> int:
    """Return the last sequence number that was recorded before *time_us*.

    Recording times never go backwards along the log, so it is a binary search: at
    most 64 look-ups.  If a step finds that retention has passed it meanwhile, it
    goes on above.
    """
    low, high = ends(connection)
    while low < high:
        middle = (low + high + 1) // 2
        recorded = connection.exec_driver_sql(_TIME_AT, (middle,)).scalar_one_or_none()
        if recorded is None or recorded < time_us:
            low = middle
        else:
            high = middle - 1
    return low


def stored_after(connection: sa.Connection, sequence: int, limit: int) -> list[StoredOpen]:
    """Return the opens that follow *sequence*, all kinds, for erasing."""
    rows = connection.exec_driver_sql(_STORED, (sequence, limit))
    return [StoredOpen(Position(0, number), key, octets) for number, key, octets in rows]


def octets_used(connection: sa.Connection) -> int:
    """Return the size of the database without its free pages."""
    return int(connection.exec_driver_sql(_SIZE).scalar_one())


def checkpoint(connection: sa.Connection) -> bool:
    """Move the write-ahead log into the database; return whether it is empty now.

    It is not while somebody reads an older state, which is waited for as for a lock.
    """
    busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    return not busy
