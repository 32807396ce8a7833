"""Everything but appending that changes an SQLite log, by name.

A command may travel to the process that writes, so its arguments and its result
are what JSON can hold.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.openlog import erase_sql, subscription_sql

# The last open of a message takes its count along.
_FORGET_COUNTS: Final = (
    "DELETE FROM open_counts WHERE (message_key, configuration_id, opens) IN "
    "(SELECT message_key, configuration_id, open_number FROM opens WHERE sequence <= ?)"
)


def trim_step(connection: sa.Connection, *, up_to: int, max_entries: int) -> int:
    """Remove up to *max_entries* of the oldest opens, none beyond the sequence number *up_to*.

    Returns:
        How many were removed; fewer than *max_entries* when there are no more.
    """
    (first,) = connection.exec_driver_sql("SELECT min(sequence) FROM opens").one()
    if first is None or first > up_to:
        return 0
    last = min(up_to, first + max_entries - 1)
    connection.exec_driver_sql(_FORGET_COUNTS, (last,))
    removed = connection.exec_driver_sql("DELETE FROM opens WHERE sequence <= ?", (last,)).rowcount
    connection.exec_driver_sql("UPDATE open_log SET trimmed_sequence = ?", (last,))
    return removed


def erase_step(connection: sa.Connection, *, positions: Sequence[tuple[int, int]]) -> int:
    """Erase the opens at these positions; return how many held anything."""
    # Overwrite with zeros what is given up: gone means gone.
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    return erase_sql.erase(connection, positions=positions)


COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "acknowledge": subscription_sql.acknowledge,
    "begin_session": subscription_sql.begin_session,
    "create_subscription": subscription_sql.create,
    "delete_subscription": subscription_sql.delete,
    "erase_step": erase_step,
    "seek_subscription": subscription_sql.seek,
    "trim_step": trim_step,
}
