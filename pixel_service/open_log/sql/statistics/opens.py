"""Opens as statistics see them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from pixel_service.open_log.numbering import MessageOf
from pixel_service.open_log.sql.tables import opens
from pixel_service.open_log.statistics import CountingRules, OpenFacts
from pixel_service.open_log.values import Position

# Keys of one look-up.
LOOKUP: Final = 500

_COLUMNS: Final = (
    opens.c.transaction_id,
    opens.c.sequence,
    opens.c.recorded_us,
    opens.c.event_id,
    opens.c.configuration_id,
    opens.c.agent,
    opens.c.confidence,
    opens.c.open_number,
    opens.c.message_key,
    opens.c.notification,
    opens.c.collapsed,
)

# Rule 2 of the package `postgres`: what is below it can be read.
_VISIBLE: Final = opens.c.transaction_id < sa.literal_column(
    "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
)


class CountedOpen(NamedTuple):
    """An open as far as it is counted."""

    position: Position
    hour: int
    """In which the fetch arrived, hours since 1970."""

    configuration_id: str
    message_key: bytes | None
    is_first: bool
    collapsed: int
    notification: bytes
    facts: OpenFacts

    @property
    def message(self) -> MessageOf | None:
        """The message, if the open can be tied to one."""
        return None if self.message_key is None else (self.message_key, self.configuration_id)


def rows_after(
    connection: sa.Connection, after: Position, limit: int, *, up_to: Position | None = None
) -> Sequence[Any]:
    """Return rows of opens in the order of the log; with *up_to* None those that readers see."""
    query = sa.select(*_COLUMNS)
    if connection.dialect.name == "sqlite":
        query = query.where(opens.c.sequence > after.sequence).order_by(opens.c.sequence)
        if up_to is not None:
            query = query.where(opens.c.sequence <= up_to.sequence)
    else:
        place = sa.tuple_(opens.c.transaction_id, opens.c.sequence)
        query = query.where(
            place > sa.tuple_(*after), _VISIBLE if up_to is None else place <= sa.tuple_(*up_to)
        ).order_by(opens.c.transaction_id, opens.c.sequence)
    return connection.execute(query.limit(limit)).all()


def opens_at(
    connection: sa.Connection, rules: CountingRules, positions: Sequence[Position]
) -> dict[Position, CountedOpen]:
    """Return the opens at *positions* that are still there and were not erased."""
    found = {}
    for start in range(0, len(positions), LOOKUP):
        some = positions[start : start + LOOKUP]
        rows = connection.execute(
            sa.select(*_COLUMNS).where(
                # Sequence numbers are unique by themselves; the transactions lead PostgreSQL
                # to its primary key, which begins with them.
                opens.c.sequence.in_([each.sequence for each in some]),
                opens.c.transaction_id.in_({each.transaction for each in some}),
            )
        )
        found.update({each.position: each for each in opens_of(rows, rules)})
    return found


def opens_of(rows: Iterable[Any], rules: CountingRules) -> list[CountedOpen]:
    """Return the opens of *rows*, without those that were erased."""
    return [
        CountedOpen(
            position=Position(transaction, sequence),
            hour=rules.hour_of(event_id),
            configuration_id=configuration_id,
            message_key=key,
            is_first=number == 1,
            collapsed=collapsed,
            notification=notification,
            facts=rules.facts_of(agent, confidence, notification),
        )
        for (
            transaction,
            sequence,
            _recorded_us,
            event_id,
            configuration_id,
            agent,
            confidence,
            number,
            key,
            notification,
            collapsed,
        ) in rows
        if configuration_id
    ]
