"""The statements that give subscriptions to streams and take them away, for any database.

A row names the process that serves its stream, and that process says in a row of its own,
every few seconds, that it lives: so streams cost nothing while they run, and one whose
process was killed is known to be over.  Each function runs in a transaction of its caller.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.errors import SubscriptionPaused, SubscriptionTakenOver
from pixel_service.open_log.sql.clock import clock_us
from pixel_service.open_log.sql.subscription_statements import (
    LEASE_US,
    LOST,
    Row,
    find,
    lock,
)
from pixel_service.open_log.sql.tables import stream_owners, subscriptions
from service_runtime.times import now_us

# Kept for that long at least, for those who ask when a lost stream was last alive.
_FORGET_US: Final = 3_600 * 1_000_000

# The names of gRPC's codes; here nothing knows gRPC.
_TAKEN_OVER: Final = ("ABORTED", SubscriptionTakenOver.reason)
_PAUSED: Final = ("FAILED_PRECONDITION", SubscriptionPaused.reason)

End = tuple[str, str, str, str]
"""Subscription ID, session token, code and reason."""


def begin_session(
    connection: sa.Connection, *, subscription_id: str, token: str, consumer_name: str, owner: str
) -> dict[str, Any] | None:
    """Give a subscription a new session; return its row, None if there is none.

    The row of a paused one is returned as it is.
    """
    row = lock(connection, subscription_id=subscription_id)
    if row is None or row["pause_us"] is not None:
        return row
    values = {
        **_ended(connection, row, _TAKEN_OVER),
        "session_token": token,
        "consumer_name": consumer_name,
        "stream_owner": owner,
    }
    return _change(connection, row, values)


def seek(
    connection: sa.Connection, *, subscription_id: str, to: Sequence[int]
) -> dict[str, Any] | None:
    """Move a subscription and end its session; return its row, None if there is none."""
    row = lock(connection, subscription_id=subscription_id)
    if row is None:
        return None
    values = {
        **_ended(connection, row, _TAKEN_OVER),
        "acknowledged_transaction": to[0],
        "acknowledged_sequence": to[1],
        "acknowledge_us": now_us(),
        "session_token": "",
    }
    return _change(connection, row, values)


def pause(connection: sa.Connection, *, subscription_id: str) -> dict[str, Any] | None:
    """Pause a subscription and end its stream; return its row, None if there is none.

    Its session stays, so that what was sent can be acknowledged.
    """
    row = lock(connection, subscription_id=subscription_id)
    if row is None or row["pause_us"] is not None:
        return row
    values = {**_ended(connection, row, _PAUSED), "pause_us": clock_us(connection)}
    return _change(connection, row, values)


def resume(connection: sa.Connection, *, subscription_id: str) -> dict[str, Any] | None:
    """Resume a subscription; return its row, None if there is none."""
    row = lock(connection, subscription_id=subscription_id)
    return row and _change(connection, row, {"pause_us": None})


def end_sessions(connection: sa.Connection, *, ends: Sequence[End], owner: str) -> None:
    """Note how the streams of *owner* have ended that nobody else has ended before.

    In the order of their IDs, as everything that changes several subscriptions does, so
    that two processes never wait for each other.
    """
    now = clock_us(connection)
    for subscription_id, token, code, reason in sorted(ends):
        connection.execute(
            subscriptions.update()
            .where(
                subscriptions.c.id == subscription_id,
                subscriptions.c.session_token == token,
                subscriptions.c.stream_owner == owner,
            )
            .values(stream_owner="", end_us=now, end_code=code, end_reason=reason)
        )


def lose_all(connection: sa.Connection) -> None:
    """Note that every stream is over: whoever served it is gone."""
    code, reason = LOST
    connection.execute(
        subscriptions.update()
        .where(subscriptions.c.stream_owner != "")
        .values(stream_owner="", end_us=clock_us(connection), end_code=code, end_reason=reason)
    )
    connection.execute(stream_owners.delete())


def renew(connection: sa.Connection, *, owner: str) -> None:
    """Note that *owner* is alive; forget those who have not been for long."""
    now = clock_us(connection)
    its = stream_owners.c.owner == owner
    if not connection.execute(stream_owners.update().where(its).values(alive_us=now)).rowcount:
        connection.execute(stream_owners.insert().values(owner=owner, alive_us=now))
    needed = sa.select(subscriptions.c.stream_owner)
    connection.execute(
        stream_owners.delete().where(
            stream_owners.c.alive_us < now - _FORGET_US, stream_owners.c.owner.not_in(needed)
        )
    )


def _ended(connection: sa.Connection, row: Row, how: tuple[str, str]) -> dict[str, Any]:
    """Return the columns of *row* once its stream has ended, if one was served."""
    if not row["stream_owner"]:
        return {}
    now = clock_us(connection)
    alive = connection.scalar(
        sa.select(stream_owners.c.alive_us).where(stream_owners.c.owner == row["stream_owner"])
    )
    is_lost = alive is None or alive <= now - LEASE_US
    code, reason = LOST if is_lost else how
    at = alive if is_lost and alive is not None else now
    return {"stream_owner": "", "end_us": at, "end_code": code, "end_reason": reason}


def _change(
    connection: sa.Connection, row: Row, values: Mapping[str, Any]
) -> dict[str, Any] | None:
    connection.execute(subscriptions.update().where(subscriptions.c.id == row["id"]).values(values))
    return find(connection, subscription_id=row["id"])
