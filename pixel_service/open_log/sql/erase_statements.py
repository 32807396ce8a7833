"""Erasing opens, for any database."""

from collections.abc import Sequence

import sqlalchemy as sa

from pixel_service.open_log.sql.tables import open_counts, opens


def erase(connection: sa.Connection, *, positions: Sequence[tuple[int, int]]) -> int:
    """Empty the opens at these positions and forget the counts of their messages.

    The rows stay, so that readers see no hole and a repeated append is still known.

    Returns:
        How many held anything.
    """
    # Sequence numbers are unique by themselves; the transactions lead PostgreSQL to
    # its primary key, which begins with them.
    chosen = sa.and_(
        opens.c.sequence.in_([sequence for _, sequence in positions]),
        opens.c.transaction_id.in_({transaction for transaction, _ in positions}),
    )
    connection.execute(
        open_counts.delete().where(
            sa.tuple_(open_counts.c.message_key, open_counts.c.configuration_id).in_(
                sa.select(opens.c.message_key, opens.c.configuration_id).where(chosen)
            )
        )
    )
    return connection.execute(
        opens.update()
        .where(chosen, sa.or_(opens.c.notification != b"", opens.c.message_key.is_not(None)))
        .values(
            notification=b"",
            message_key=None,
            configuration_id="",
            agent=0,
            confidence=0,
            open_number=0,
            burst=0,
        )
    ).rowcount
