"""The one row of state, which whoever changes statistics locks first."""

import dataclasses

import sqlalchemy as sa

from pixel_service.open_log.sql.tables import statistics_state
from pixel_service.open_log.values import Position


@dataclasses.dataclass(slots=True)
class State:
    """The row."""

    counted: Position
    """Up to where opens are counted."""

    counted_us: int
    repair: Position | None
    """After where the walk of repair goes on."""

    changes: int
    """How often opens were changed or removed: what was read before may not hold."""

    first_hour: int
    """Since when hours are kept, and days: in hours after 1970."""
    first_day: int


def read_state(connection: sa.Connection) -> State:
    """Return the state, which others may be changing."""
    return _state_of(connection, sa.select(statistics_state))


def locked_state(connection: sa.Connection) -> State:
    """Return the state, which nobody else changes until the transaction ends."""
    return _state_of(connection, sa.select(statistics_state).with_for_update())


def _state_of(connection: sa.Connection, query: sa.Select[tuple[int, ...]]) -> State:
    row = connection.execute(query).one()
    repairs = row.repair_transaction is not None
    return State(
        counted=Position(row.transaction_id, row.sequence),
        counted_us=row.counted_us,
        repair=Position(row.repair_transaction, row.repair_sequence) if repairs else None,
        changes=row.changes,
        first_hour=row.first_hour,
        first_day=row.first_day,
    )


def write_state(connection: sa.Connection, state: State) -> None:
    """Write the state."""
    repair = state.repair
    connection.execute(
        statistics_state.update().values(
            transaction_id=state.counted.transaction,
            sequence=state.counted.sequence,
            counted_us=state.counted_us,
            repair_transaction=None if repair is None else repair.transaction,
            repair_sequence=None if repair is None else repair.sequence,
            changes=state.changes,
            first_hour=state.first_hour,
            first_day=state.first_day,
        )
    )
