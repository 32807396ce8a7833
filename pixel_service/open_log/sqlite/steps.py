"""The steps of trimming, erasing and revising: transactions of the one connection that writes."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from pixel_service.open_log.sql import webhook_statements
from pixel_service.open_log.sql.erasing import erase_opens
from pixel_service.open_log.sql.revising import RevisedOpen, revise_opens
from pixel_service.open_log.sql.statistics.counting import note_removal
from pixel_service.open_log.sql.statistics.holders import rows_of
from pixel_service.open_log.sql.statistics.upserting import upsert
from pixel_service.open_log.sql.tables import statistics_messages
from pixel_service.open_log.sqlite.counts import MessageCounts
from pixel_service.open_log.statistics import CountingRules
from pixel_service.open_log.values import Position

# The last open of a message takes its row of statistics along, and its count.
_FORGET_MESSAGES: Final = (
    "DELETE FROM open_statistics_messages WHERE (message_key, configuration_id) IN "
    "(SELECT o.message_key, o.configuration_id FROM opens o JOIN open_counts c "
    "ON c.message_key = o.message_key AND c.configuration_id = o.configuration_id "
    "AND c.opens = o.open_number WHERE o.sequence <= ?)"
)
_FORGET_COUNTS: Final = (
    "DELETE FROM open_counts WHERE (message_key, configuration_id, opens) IN "
    "(SELECT message_key, configuration_id, open_number FROM opens WHERE sequence <= ?)"
)
_NEWEST_OF: Final = (
    "SELECT message_key, configuration_id, max(open_number) FROM opens "
    "WHERE sequence <= ? AND message_key IS NOT NULL GROUP BY message_key, configuration_id"
)

_PAGES: Final = (
    "SELECT auto_vacuum, page_count, freelist_count "
    "FROM pragma_auto_vacuum, pragma_page_count, pragma_freelist_count"
)

# What `PRAGMA auto_vacuum` calls INCREMENTAL.
_INCREMENTAL: Final = 2

# Pages given back in one transaction: each is the move of another one, and the last one's
# neighbours are written, too.
_GIVE_BACK_PAGES: Final = 256

# Free pages that stay: 4 MiB, and a quarter of the file.  Where retention takes as much as
# is recorded, pages are used again at once, and moving them about would be for nothing.
_KEPT_PAGES: Final = 1_024
_KEPT_SHARE: Final = 4


def trim_step(
    connection: sa.Connection, counts: MessageCounts, *, up_to: int, max_entries: int
) -> int:
    """Remove up to *max_entries* of the oldest opens, none beyond the sequence number *up_to*.

    Returns:
        How many were removed; fewer than *max_entries* when there are no more.
    """
    (first,) = connection.exec_driver_sql("SELECT min(sequence) FROM opens").one()
    if first is None or first > up_to:
        return 0
    last = min(up_to, first + max_entries - 1)
    # Only where counts of what is removed may be in memory alone: it costs a page for each
    # message of late.  A row that is forgotten while its message has a newer count in memory
    # comes back with that.
    if last > connection.exec_driver_sql("SELECT counted_sequence FROM open_log").scalar_one():
        counts.flush(connection)
    note_removal(connection)
    _forget_messages(connection, counts, last)
    connection.exec_driver_sql(_FORGET_COUNTS, (last,))
    removed = connection.exec_driver_sql("DELETE FROM opens WHERE sequence <= ?", (last,)).rowcount
    webhook_statements.forget_skips(connection, up_to=Position(0, last))
    connection.exec_driver_sql("UPDATE open_log SET trimmed_sequence = ?", (last,))
    return removed


def _forget_messages(connection: sa.Connection, counts: MessageCounts, last: int) -> None:
    """Forget how messages are counted in statistics whose opens all end at *last*."""
    newest = {(row[0], row[1]): row[2] for row in connection.exec_driver_sql(_NEWEST_OF, (last,))}
    # The table does not know the last opens of these: they are not forgotten.
    later = counts.newer_in_memory(connection, newest)
    kept = [row for row in rows_of(connection, later) if (row[0], row[1]) in later]
    connection.exec_driver_sql(_FORGET_MESSAGES, (last,))
    upsert(connection, statistics_messages, kept, is_added=False)


def give_back_step(connection: sa.Connection) -> int:
    """Give some free pages back to the file system; return how many are left to give.

    Not those that appends will soon need again, and none of a file of an older version,
    which cannot shrink: `docs/operations.md` says how to change that.
    """
    mode, pages, free = connection.exec_driver_sql(_PAGES).one()
    excess = int(free) - max(_KEPT_PAGES, int(pages) // _KEPT_SHARE)
    if mode != _INCREMENTAL or excess <= 0:
        return 0
    given_back = min(excess, _GIVE_BACK_PAGES)
    for _ in range(given_back):
        # One at a time, whatever the number in the parentheses: it is a step of the
        # statement for each, and the driver takes a single one.
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    return excess - given_back


def erase_step(
    connection: sa.Connection,
    counts: MessageCounts,
    *,
    rules: CountingRules,
    positions: Sequence[tuple[int, int]],
) -> int:
    """Erase the opens at these positions; return how many held anything."""
    counts.flush(connection)
    # Overwrite with zeros what is given up: gone means gone.
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    return erase_opens(connection, rules=rules, positions=positions)


def revise_step(
    connection: sa.Connection,
    _: MessageCounts,
    *,
    rules: CountingRules,
    revised: Sequence[RevisedOpen],
) -> None:
    """Write what these opens are to be."""
    # The octets from before, too, are gone when the open is erased one day.
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    revise_opens(connection, rules=rules, revised=revised)
