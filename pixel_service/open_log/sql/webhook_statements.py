"""The statements of webhooks, for any database, in a transaction of their caller."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.sql.clock import clock_us
from pixel_service.open_log.sql.tables import open_log, opens, webhook_skips, webhooks
from pixel_service.open_log.values import Position
from pixel_service.open_log.webhooks import (
    MAX_SKIPPED_EVENTS,
    MAX_WEBHOOK_SECRETS,
    MAX_WEBHOOKS,
    WebhookState,
)
from service_runtime.times import now_us

Row = sa.RowMapping

# A change by a call begins another revision, and the next attempt is due.
DUE: Final[Mapping[str, Any]] = {"failed_attempts": 0, "next_attempt_us": None}


def create(connection: sa.Connection, *, row: dict[str, Any]) -> str:
    """Insert *row*; return "ok", "taken" or "full"."""
    # One at a time, so that the quota holds.
    connection.execute(sa.select(open_log.c.id).with_for_update())
    if find(connection, webhook_id=row["id"]) is not None:
        return "taken"
    count = connection.scalar(sa.select(sa.func.count()).select_from(webhooks))
    if count is not None and count >= MAX_WEBHOOKS:
        return "full"
    connection.execute(webhooks.insert().values(row))
    return "ok"


def find(connection: sa.Connection, *, webhook_id: str) -> Row | None:
    """Return the row of a webhook; None if there is none."""
    return connection.execute(_rows().where(webhooks.c.id == webhook_id)).mappings().one_or_none()


def page(connection: sa.Connection, *, after_id: str, limit: int) -> list[Row]:
    """Return the rows whose ID sorts after *after_id*."""
    query = _rows().where(webhooks.c.id > after_id).order_by(webhooks.c.id).limit(limit)
    return list(connection.execute(query).mappings())


def change(connection: sa.Connection, *, webhook_id: str, values: Mapping[str, Any]) -> Row | None:
    """Change a webhook for a call; return its row, None if there is none."""
    connection.execute(
        webhooks.update()
        .where(webhooks.c.id == webhook_id)
        .values(revision=webhooks.c.revision + 1, **values)
    )
    return find(connection, webhook_id=webhook_id)


def pause(connection: sa.Connection, *, webhook_id: str) -> Row | None:
    """Pause a webhook that is active; its revision stays, so that what is under way counts."""
    connection.execute(
        webhooks.update()
        .where(webhooks.c.id == webhook_id, webhooks.c.state == WebhookState.ACTIVE)
        .values(state=WebhookState.PAUSED)
    )
    return find(connection, webhook_id=webhook_id)


def rotate(
    connection: sa.Connection, *, webhook_id: str, secret: str, expire_us: int
) -> Row | None:
    """Put a secret before the others, which sign until *expire_us* at most."""
    kept = connection.execute(
        sa.select(webhooks.c.secrets).where(webhooks.c.id == webhook_id).with_for_update()
    ).scalar_one_or_none()
    now = now_us()
    older = [
        [text, expire_us if until is None else min(until, expire_us)]
        for text, until in kept or ()
        if until is None or until > now
    ]
    still_valid = [each for each in older if each[1] > now]
    secrets = [[secret, None], *still_valid[: MAX_WEBHOOK_SECRETS - 1]]
    return change(connection, webhook_id=webhook_id, values={"secrets": secrets})


def delete(connection: sa.Connection, *, webhook_id: str) -> bool:
    """Delete a webhook and its list; return whether there was one."""
    # In this order, so that what is listed at the same moment is waited for, and goes, too.
    deleted = connection.execute(webhooks.delete().where(webhooks.c.id == webhook_id)).rowcount
    connection.execute(webhook_skips.delete().where(webhook_skips.c.webhook_id == webhook_id))
    return deleted == 1


def skipped(
    connection: sa.Connection, *, webhook_id: str, below: int | None, limit: int
) -> list[Row]:
    """Return what a webhook has skipped, the latest first."""
    query = sa.select(webhook_skips).where(webhook_skips.c.webhook_id == webhook_id)
    if below is not None:
        query = query.where(webhook_skips.c.number < below)
    query = query.order_by(webhook_skips.c.number.desc()).limit(limit)
    return list(connection.execute(query).mappings())


def lease(connection: sa.Connection, *, owner: str, length_us: int) -> list[Row]:
    """Give *owner* what nobody delivers, and leave it what it has; return both."""
    now = clock_us(connection)
    connection.execute(
        webhooks.update()
        .where(
            webhooks.c.state == WebhookState.ACTIVE,
            sa.or_(
                webhooks.c.lease_owner == "",
                webhooks.c.lease_us <= now,
                # Nobody takes one for so long: the clock was set back.
                webhooks.c.lease_us > now + length_us,
                # Not each time it is asked for: an idle webhook costs few writes.
                (webhooks.c.lease_owner == owner) & (webhooks.c.lease_us <= now + length_us // 2),
            ),
        )
        .values(lease_owner=owner, lease_us=now + length_us)
    )
    query = _rows().where(webhooks.c.lease_owner == owner, webhooks.c.state == WebhookState.ACTIVE)
    return list(connection.execute(query.order_by(webhooks.c.id)).mappings())


def release(connection: sa.Connection, *, owner: str | None) -> None:
    """End the leases of *owner*; None: of everybody."""
    statement = webhooks.update().values(lease_owner="", lease_us=0)
    connection.execute(
        statement if owner is None else statement.where(webhooks.c.lease_owner == owner)
    )


def write_leased(
    connection: sa.Connection,
    *,
    webhook_id: str,
    create_us: int,
    revision: int,
    owner: str,
    values: Mapping[str, Any],
    skip: dict[str, Any] | None,
) -> bool:
    """Change a webhook for whoever delivers it, and list *skip*; return whether it may."""
    changed = connection.execute(
        webhooks.update()
        .where(
            webhooks.c.id == webhook_id,
            # One that was deleted and created anew is another.
            webhooks.c.create_us == create_us,
            webhooks.c.revision == revision,
            webhooks.c.lease_owner == owner,
            webhooks.c.lease_us > clock_us(connection),
        )
        .values(values)
    )
    if changed.rowcount == 1 and skip is not None:
        _list_skip(connection, row=skip)
    return changed.rowcount == 1


def _list_skip(connection: sa.Connection, *, row: dict[str, Any]) -> None:
    """List an event as skipped, unless retention or erasing has taken it."""
    held = sa.select(opens.c.sequence).where(
        opens.c.transaction_id == row["transaction_id"],
        opens.c.sequence == row["sequence"],
        opens.c.notification != b"",
    )
    # Shared with nobody who erases: whoever comes second sees what the first did.
    if connection.execute(held.with_for_update(read=True)).one_or_none() is None:
        return
    its = webhook_skips.c.webhook_id == row["webhook_id"]
    connection.execute(
        webhook_skips.delete().where(its, webhook_skips.c.event_id == row["event_id"])
    )
    connection.execute(webhook_skips.insert().values(row))
    kept = (
        sa.select(webhook_skips.c.number)
        .where(its)
        .order_by(webhook_skips.c.number.desc())
        .limit(MAX_SKIPPED_EVENTS)
    )
    connection.execute(webhook_skips.delete().where(its, webhook_skips.c.number.not_in(kept)))


def forget_skips(connection: sa.Connection, *, up_to: Position) -> None:
    """Forget what was skipped up to where retention has come."""
    connection.execute(
        webhook_skips.delete().where(
            sa.tuple_(webhook_skips.c.transaction_id, webhook_skips.c.sequence)
            <= sa.tuple_(*map(sa.literal, up_to))
        )
    )


def _rows() -> sa.Select[Any]:
    count = (
        sa.select(sa.func.count())
        .where(webhook_skips.c.webhook_id == webhooks.c.id)
        .scalar_subquery()
    )
    return sa.select(webhooks, count.label("skipped_events"))
