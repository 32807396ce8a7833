"""Up to where each journal is recorded: written in the same transaction as its opens."""

import sqlalchemy as sa

from pixel_service.open_log.sql import tables


def recorded_up_to(connection: sa.Connection, journal_id: str) -> int:
    """Return the sequence number up to which a journal is recorded; 0: nothing of it is."""
    journals = tables.journals
    found = connection.scalar(
        sa.select(journals.c.sequence).where(journals.c.journal_id == journal_id)
    )
    return int(found or 0)


def forget(connection: sa.Connection, *, journal_id: str) -> None:
    """Forget a journal, which is gone."""
    journals = tables.journals
    connection.execute(sa.delete(journals).where(journals.c.journal_id == journal_id))
