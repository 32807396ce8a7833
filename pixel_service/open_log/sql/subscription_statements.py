"""The statements of subscriptions, for any database.

Arguments and results are what JSON can hold, because on SQLite they may travel to
the process that writes.  Each function runs in a transaction of its caller.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.sql.clock import clock_us
from pixel_service.open_log.sql.tables import stream_owners, subscriptions
from pixel_service.open_log.subscriptions import OpenFilter, StreamEnd, Subscription
from pixel_service.open_log.values import Position
from service_runtime.times import microseconds_of, now_us, time_of

# How long a process counts as alive that has said so: what it says every ten seconds may
# come late.
LEASE_US: Final = 30_000_000

# How a stream has ended of which nobody has said it.
LOST: Final = ("UNAVAILABLE", "STREAM_LOST")

Row = Mapping[str, Any]


def create(connection: sa.Connection, *, row: dict[str, Any]) -> bool:
    """Insert *row*; return whether the ID was free."""
    taken = connection.scalar(sa.select(subscriptions.c.id).where(subscriptions.c.id == row["id"]))
    if taken is None:
        connection.execute(subscriptions.insert().values(row))
    return taken is None


def find(connection: sa.Connection, *, subscription_id: str) -> dict[str, Any] | None:
    """Return the row of a subscription; None if there is none."""
    found = _rows(connection, _SELECTED.where(subscriptions.c.id == subscription_id))
    return found[0] if found else None


def lock(connection: sa.Connection, *, subscription_id: str) -> dict[str, Any] | None:
    """Return the row of a subscription that nobody else changes until the transaction ends."""
    its = subscriptions.c.id == subscription_id
    connection.execute(sa.select(subscriptions.c.id).where(its).with_for_update())
    return find(connection, subscription_id=subscription_id)


def page(connection: sa.Connection, *, after_id: str, limit: int) -> list[dict[str, Any]]:
    """Return the rows whose ID sorts after *after_id*."""
    query = _SELECTED.where(subscriptions.c.id > after_id)
    return _rows(connection, query.order_by(subscriptions.c.id).limit(limit))


_SELECTED: Final = sa.select(subscriptions, stream_owners.c.alive_us).outerjoin(
    stream_owners, stream_owners.c.owner == subscriptions.c.stream_owner
)


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """Return what *query* finds, each row with the time by the database's clock."""
    rows = connection.execute(query).mappings().all()
    now = clock_us(connection) if rows else 0
    return [{**row, "clock_us": now} for row in rows]


def sessions(connection: sa.Connection) -> list[tuple[str, str, int, int, bool]]:
    """Return of every subscription what `subscription_watch.Sessions` has."""
    query = sa.select(
        subscriptions.c.id,
        subscriptions.c.session_token,
        subscriptions.c.acknowledged_transaction,
        subscriptions.c.acknowledged_sequence,
        subscriptions.c.stream_owner != "",
    )
    return [tuple(row) for row in connection.execute(query)]


def delete(connection: sa.Connection, *, subscription_id: str) -> bool:
    """Delete a subscription; return whether there was one."""
    return (
        connection.execute(
            subscriptions.delete().where(subscriptions.c.id == subscription_id)
        ).rowcount
        == 1
    )


def acknowledge(
    connection: sa.Connection, *, acknowledgements: Sequence[tuple[str, str, int, int]]
) -> list[tuple[str, int, int]]:
    """Carry out (ID, session token, transaction, sequence); return an outcome for each.

    An outcome is ("ok", transaction, sequence) with what is acknowledged now, or
    ("missing", 0, 0), or ("stale", 0, 0).
    """
    # In the order of their IDs: see `stream_statements.end_sessions`.
    outcomes = {each: _acknowledge(connection, *each) for each in sorted(acknowledgements)}
    return [outcomes[each] for each in acknowledgements]


def _acknowledge(
    connection: sa.Connection, subscription_id: str, token: str, transaction: int, sequence: int
) -> tuple[str, int, int]:
    row = (
        connection.execute(sa.select(subscriptions).where(subscriptions.c.id == subscription_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        return ("missing", 0, 0)
    if not token or row["session_token"] != token:
        return ("stale", 0, 0)
    before = (row["acknowledged_transaction"], row["acknowledged_sequence"])
    if (transaction, sequence) <= before:
        return ("ok", *before)
    # The token is in the condition, too: where writers are not taken one at a
    # time, a newer session may begin between the two statements.
    changed = connection.execute(
        subscriptions.update()
        .where(subscriptions.c.id == subscription_id, subscriptions.c.session_token == token)
        .values(
            acknowledged_transaction=transaction,
            acknowledged_sequence=sequence,
            acknowledge_us=now_us(),
        )
    )
    return ("ok", transaction, sequence) if changed.rowcount == 1 else ("stale", 0, 0)


def to_row(subscription: Subscription) -> dict[str, Any]:
    """Return the row that holds *subscription*."""
    return {
        "id": subscription.id,
        "configuration_ids": list(subscription.configuration_ids),
        "exclude_agents": sorted(subscription.filter.exclude_agents),
        "min_confidence": subscription.filter.min_confidence,
        "first_open_only": subscription.filter.first_open_only,
        "acknowledged_transaction": subscription.acknowledged.transaction,
        "acknowledged_sequence": subscription.acknowledged.sequence,
        "create_us": microseconds_of(subscription.create_time),
        "acknowledge_us": microseconds_of(subscription.acknowledge_time),
        "consumer_name": subscription.consumer_name,
        "session_token": "",
        "pause_us": None,
        "stream_owner": "",
        "end_us": None,
        "end_code": "",
        "end_reason": "",
    }


def from_row(row: Row, *, lag: int, fell_behind: bool) -> Subscription:
    """Return the subscription that *row* holds."""
    return Subscription(
        id=row["id"],
        configuration_ids=tuple(row["configuration_ids"]),
        filter=OpenFilter(
            exclude_agents=frozenset(row["exclude_agents"]),
            min_confidence=row["min_confidence"],
            first_open_only=bool(row["first_open_only"]),
        ),
        acknowledged=Position(row["acknowledged_transaction"], row["acknowledged_sequence"]),
        create_time=time_of(row["create_us"]),
        acknowledge_time=time_of(row["acknowledge_us"]),
        consumer_name=row["consumer_name"],
        lag=lag,
        fell_behind=fell_behind,
        pause_time=None if row["pause_us"] is None else time_of(row["pause_us"]),
        is_streaming=_is_served(row),
        last_stream_end=_end_of(row),
    )


def _is_served(row: Row) -> bool:
    alive = row["alive_us"]
    return alive is not None and alive > row["clock_us"] - LEASE_US


def _end_of(row: Row) -> StreamEnd | None:
    """Return how the last stream ended; one whose process is gone is lost."""
    if row["stream_owner"] and not _is_served(row):
        code, reason = LOST
        at = row["clock_us"] if row["alive_us"] is None else row["alive_us"]
        return StreamEnd(time=time_of(at), code=code, reason=reason)
    if row["end_us"] is None:
        return None
    return StreamEnd(time=time_of(row["end_us"]), code=row["end_code"], reason=row["end_reason"])
