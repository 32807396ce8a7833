"""Everything but appending that changes an SQLite log, by name.

A command may travel to the process that writes, so its arguments and its result
are what JSON can hold.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.sql import subscription_statements
from pixel_service.open_log.sql.erasing import erase_opens
from pixel_service.open_log.sqlite.counts import MessageCounts

# The last open of a message takes its count along.
_FORGET_COUNTS: Final = (
    "DELETE FROM open_counts WHERE (message_key, configuration_id, opens) IN "
    "(SELECT message_key, configuration_id, open_number FROM opens WHERE sequence <= ?)"
)


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
    counts.flush(connection)
    connection.exec_driver_sql(_FORGET_COUNTS, (last,))
    removed = connection.exec_driver_sql("DELETE FROM opens WHERE sequence <= ?", (last,)).rowcount
    connection.exec_driver_sql("UPDATE open_log SET trimmed_sequence = ?", (last,))
    return removed


def erase_step(
    connection: sa.Connection, counts: MessageCounts, *, positions: Sequence[tuple[int, int]]
) -> int:
    """Erase the opens at these positions; return how many held anything."""
    counts.flush(connection)
    # Overwrite with zeros what is given up: gone means gone.
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    return erase_opens(connection, positions=positions)


# What subscriptions need has nothing to do with counts.
_SUBSCRIPTION_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "acknowledge": subscription_statements.acknowledge,
    "begin_session": subscription_statements.begin_session,
    "create_subscription": subscription_statements.create,
    "delete_subscription": subscription_statements.delete,
    "seek_subscription": subscription_statements.seek,
}
_LOG_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "erase_step": erase_step,
    "trim_step": trim_step,
}


def carry_out(
    connection: sa.Connection, counts: MessageCounts, command: str, arguments: Mapping[str, object]
) -> Any:  # noqa: ANN401 - JSON
    """Carry out *command* inside the caller's transaction; return what it answers."""
    if command in _LOG_COMMANDS:
        return _LOG_COMMANDS[command](connection, counts, **arguments)
    return _SUBSCRIPTION_COMMANDS[command](connection, **arguments)
