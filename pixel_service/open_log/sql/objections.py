"""Objections beside the opens, in the same database."""

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Final

import sqlalchemy as sa

from pixel_service.errors import ObjectionNotFound, ObjectionQuota
from pixel_service.open_log.objections import (
    MAX_OBJECTIONS,
    Objection,
    ObjectionKeys,
    ObjectionSubject,
)
from pixel_service.open_log.sql.subscriptions import Database
from pixel_service.open_log.sql.tables import objections, open_log
from service_runtime.times import now_us, time_of

# Of the number of a change: what a column holds.
_CHANGE_BITS: Final = 63


class SqlObjections:
    """The objections of a log, as `ObjectionStore` promises them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, key: bytes, subject: ObjectionSubject) -> Objection:
        """Insert a row unless there is one."""
        row = await self._database.execute(partial(_create, key=key, subject=subject))
        if row is None:
            raise ObjectionQuota(max_objections=MAX_OBJECTIONS)
        return _from_row(row)

    async def get(self, key: bytes) -> Objection:
        """Return the objection of a row."""
        row = await self._database.query(partial(_find, key=key))
        if row is None:
            raise ObjectionNotFound
        return _from_row(row)

    async def page(self, *, after_key: bytes, limit: int) -> Sequence[Objection]:
        """Return a page of rows, by key."""
        query = sa.select(objections).where(objections.c.key > after_key)
        query = query.order_by(objections.c.key).limit(limit)
        rows = await self._database.query(lambda connection: connection.execute(query).all())
        return [_from_row(row) for row in rows]

    async def delete(self, key: bytes) -> None:
        """Delete a row."""
        if not await self._database.execute(partial(_delete, key=key)):
            raise ObjectionNotFound

    async def keys(
        self, *, unless_change: int | None, subject: ObjectionSubject | None = None
    ) -> ObjectionKeys | None:
        """Read all keys, or those of a subject, unless nothing has changed them."""
        return await self._database.query(
            partial(_keys, unless_change=unless_change, subject=subject)
        )


def _create(
    connection: sa.Connection, *, key: bytes, subject: ObjectionSubject
) -> sa.Row[tuple[bytes, int, int]] | None:
    _note_change(connection)
    if (found := _find(connection, key=key)) is not None:
        return found
    count = connection.scalar(sa.select(sa.func.count()).select_from(objections))
    if count is not None and count >= MAX_OBJECTIONS:
        return None
    connection.execute(
        objections.insert().values(key=key, subject=int(subject), create_us=now_us())
    )
    return _find(connection, key=key)


def _delete(connection: sa.Connection, *, key: bytes) -> int:
    _note_change(connection)
    return connection.execute(objections.delete().where(objections.c.key == key)).rowcount


def _note_change(connection: sa.Connection) -> None:
    """Say that objections change.  One change at a time, so that the quota holds."""
    change = secrets.randbits(_CHANGE_BITS)
    connection.execute(open_log.update().values(objections_change=change))


def _find(connection: sa.Connection, *, key: bytes) -> sa.Row[tuple[bytes, int, int]] | None:
    return connection.execute(sa.select(objections).where(objections.c.key == key)).one_or_none()


def _keys(
    connection: sa.Connection, *, unless_change: int | None, subject: ObjectionSubject | None
) -> ObjectionKeys | None:
    # Before the keys: what changes between the two is read again.
    change = connection.execute(sa.select(open_log.c.objections_change)).scalar_one()
    if change == unless_change:
        return None
    query = sa.select(objections.c.key)
    if subject is not None:
        query = query.where(objections.c.subject == int(subject))
    found = connection.execute(query).scalars()
    return ObjectionKeys(keys=frozenset(map(bytes, found)), change=change)


def _from_row(row: sa.Row[tuple[bytes, int, int]]) -> Objection:
    return Objection(
        key=bytes(row.key),
        subject=ObjectionSubject(row.subject),
        create_time=time_of(row.create_us),
    )
