"""What was counted, in the configurations' database."""

from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from injector_service.configurations.store import answering
from injector_service.tracking.tables import tracked_counts, tracking_state, tracking_writers
from injector_service.tracking.values import Dimension, Page, TrackedKind

_INSERTS: Final[Mapping[str, Callable[[sa.Table], postgresql.Insert | sqlite.Insert]]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


class TrackedStore:
    """What was counted, in the configurations' database.

    Every method raises `StorageUnavailable` when the database does not answer; whether
    `add` has added nobody knows then.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._insert = _INSERTS[engine.dialect.name]

    async def add(
        self, counts: Mapping[TrackedKind, int], *, writer_id: str, batch: int, hour: int
    ) -> None:
        """Add *counts* to what is there, unless it has been done.

        Args:
            counts: how many messages there are of each kind, besides those written before.
            writer_id: who writes.
            batch: the number of these counts, one more than that of the writer's before.
            hour: the present one, in hours since 1970 UTC.
        """
        async with answering(), self._engine.begin() as connection:
            last = await self._raised_revision(connection, len(counts))
            written = sa.select(tracking_writers.c.batch).where(
                tracking_writers.c.writer_id == writer_id
            )
            if ((await connection.execute(written)).scalar_one_or_none() or 0) >= batch:
                return
            await self._note(connection, writer_id, batch, hour)
            first = last - len(counts) + 1
            insert = self._insert(tracked_counts)
            await connection.execute(
                insert.on_conflict_do_update(
                    index_elements=tracked_counts.primary_key.columns.keys(),
                    set_={
                        "messages": tracked_counts.c.messages + insert.excluded.messages,
                        "revision": insert.excluded.revision,
                    },
                ),
                [
                    {**kind._asdict(), "messages": messages, "revision": revision}
                    for revision, (kind, messages) in enumerate(counts.items(), first)
                ],
            )

    async def _note(
        self, connection: AsyncConnection, writer_id: str, batch: int, hour: int
    ) -> None:
        insert = self._insert(tracking_writers)
        await connection.execute(
            insert.on_conflict_do_update(
                index_elements=["writer_id"],
                set_={"batch": insert.excluded.batch, "hour": insert.excluded.hour},
            ),
            {"writer_id": writer_id, "batch": batch, "hour": hour},
        )

    async def remove_before(self, hour: int) -> None:
        """Remove what was counted before *hour*, and writers that have written nothing since."""
        async with answering(), self._engine.begin() as connection:
            await self._raised_revision(connection, 0)
            for table in (tracked_counts, tracking_writers):
                await connection.execute(sa.delete(table).where(table.c.hour < hour))

    async def page(self, *, after: int, limit: int) -> Page:
        """Return at most *limit* counts that have changed since the revision *after*.

        A revision that the database has not reached is of one that was restored since: it
        is taken for 0.
        """
        async with answering(), self._engine.connect() as connection:
            # Before the rows: what is written between the two is returned again.
            state = (await connection.execute(sa.select(tracking_state))).mappings().one()
            since = after if after <= state["revision"] else 0
            query = (
                sa.select(tracked_counts)
                .where(tracked_counts.c.revision > since)
                .order_by(tracked_counts.c.revision)
                # One more tells whether there are more.
                .limit(limit + 1)
            )
            rows = (await connection.execute(query)).mappings().all()
        some = rows[:limit]
        has_more = len(rows) > limit
        last = some[-1]["revision"] if some else 0
        return Page(
            source_id=state["source_id"],
            counts=[(_kind_of(row), row["messages"]) for row in some],
            revision=last if has_more else max(last, state["revision"]),
            has_more=has_more,
        )

    async def _raised_revision(self, connection: AsyncConnection, by: int) -> int:
        raised = tracking_state.c.revision + by
        await connection.execute(sa.update(tracking_state).values(revision=raised))
        found = await connection.execute(sa.select(tracking_state.c.revision))
        return int(found.scalar_one())


def _kind_of(row: sa.RowMapping) -> TrackedKind:
    return TrackedKind(
        row["hour"], row["configuration_id"], Dimension(row["dimension"]), row["value"]
    )
