"""The statements of subscriptions, for any database.

Arguments and results are what JSON can hold, because on SQLite they may travel to
the process that writes.  Each function runs in a transaction of its caller.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.sql.tables import subscriptions
from pixel_service.open_log.subscriptions import OpenFilter, Subscription
from pixel_service.open_log.values import Position
from service_runtime.times import microseconds_of, now_us, time_of

# Unguessable, so that no stream acknowledges for another by accident.
_TOKEN_OCTETS: Final = 16

Row = Mapping[str, Any]


def create(connection: sa.Connection, *, row: dict[str, Any]) -> bool:
    """Insert *row*; return whether the ID was free."""
    taken = connection.scalar(sa.select(subscriptions.c.id).where(subscriptions.c.id == row["id"]))
    if taken is None:
        connection.execute(subscriptions.insert().values(row))
    return taken is None


def find(connection: sa.Connection, *, subscription_id: str) -> dict[str, Any] | None:
    """Return the row of a subscription; None if there is none."""
    found = connection.execute(
        sa.select(subscriptions).where(subscriptions.c.id == subscription_id)
    ).one_or_none()
    return None if found is None else dict(found._mapping)  # noqa: SLF001 - its public name


def page(connection: sa.Connection, *, after_id: str, limit: int) -> list[dict[str, Any]]:
    """Return the rows whose ID sorts after *after_id*."""
    query = (
        sa.select(subscriptions)
        .where(subscriptions.c.id > after_id)
        .order_by(subscriptions.c.id)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def sessions(connection: sa.Connection) -> list[tuple[str, str, int, int]]:
    """Return ID, session token and acknowledged position of every subscription."""
    query = sa.select(
        subscriptions.c.id,
        subscriptions.c.session_token,
        subscriptions.c.acknowledged_transaction,
        subscriptions.c.acknowledged_sequence,
    )
    return [tuple(row) for row in connection.execute(query)]


def seek(
    connection: sa.Connection, *, subscription_id: str, to: Sequence[int]
) -> dict[str, Any] | None:
    """Move a subscription and end its session; return its row, None if there is none."""
    return _change(
        connection,
        subscription_id,
        acknowledged_transaction=to[0],
        acknowledged_sequence=to[1],
        acknowledge_us=now_us(),
        session_token="",
    )


def delete(connection: sa.Connection, *, subscription_id: str) -> bool:
    """Delete a subscription; return whether there was one."""
    return (
        connection.execute(
            subscriptions.delete().where(subscriptions.c.id == subscription_id)
        ).rowcount
        == 1
    )


def begin_session(
    connection: sa.Connection, *, subscription_id: str, consumer_name: str
) -> dict[str, Any] | None:
    """Give a subscription a new session; return its row, None if there is none."""
    return _change(
        connection,
        subscription_id,
        session_token=secrets.token_hex(_TOKEN_OCTETS),
        consumer_name=consumer_name,
    )


def acknowledge(
    connection: sa.Connection, *, acknowledgements: Sequence[tuple[str, str, int, int]]
) -> list[tuple[str, int, int]]:
    """Carry out (ID, session token, transaction, sequence); return an outcome for each.

    An outcome is ("ok", transaction, sequence) with what is acknowledged now, or
    ("missing", 0, 0), or ("stale", 0, 0).
    """
    return [_acknowledge(connection, *each) for each in acknowledgements]


def _acknowledge(
    connection: sa.Connection, subscription_id: str, token: str, transaction: int, sequence: int
) -> tuple[str, int, int]:
    row = find(connection, subscription_id=subscription_id)
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


def _change(
    connection: sa.Connection, subscription_id: str, **values: object
) -> dict[str, Any] | None:
    changed = connection.execute(
        subscriptions.update().where(subscriptions.c.id == subscription_id).values(values)
    )
    return find(connection, subscription_id=subscription_id) if changed.rowcount == 1 else None


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
    )
