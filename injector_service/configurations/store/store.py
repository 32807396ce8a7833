"""The configurations in their database.

Every write raises the generation in its first statement.  That takes the lock of
the one writer (the row's on PostgreSQL, the file's on SQLite), so what a write
then reads stays true until it commits, and the generation orders all writes.
"""

import contextlib
import dataclasses
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from injector_service.configurations.configuration import Configuration, StoredConfiguration
from injector_service.configurations.senders import sender_key
from injector_service.configurations.store.engine import answering
from injector_service.configurations.store.tables import (
    configurations,
    row_of,
    senders,
    state,
    stored_configuration_of,
)
from injector_service.errors import (
    ConfigurationExists,
    ConfigurationNotFound,
    EtagMismatch,
    SenderBound,
)

# How many rows are turned into values at once; the event loop has its turn between.
LOAD_ROWS: Final = 500


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write has done."""

    generation: int
    """The generation that this write made."""

    stored: StoredConfiguration
    """The configuration as it is now, or, deleted, as it was."""


class ConfigurationStore:
    """The configurations in their database.

    Every method raises `StorageUnavailable` when the database does not answer;
    nothing has changed then.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @property
    def engine(self) -> AsyncEngine:
        """Where else something is kept in the same database."""
        return self._engine

    async def create(self, configuration: Configuration) -> Written:
        """Store a new configuration.

        Raises:
            ConfigurationExists: the ID is taken.
            SenderBound: another configuration has one of its senders.
        """
        now = dt.datetime.now(dt.UTC)
        stored = StoredConfiguration(
            configuration=configuration, create_time=now, update_time=now, etag=_new_etag()
        )
        async with self._writing() as (connection, generation):
            if await _find(connection, configuration.id) is not None:
                raise ConfigurationExists(configuration.id)
            await connection.execute(sa.insert(configurations).values(row_of(stored)))
            await _bind(connection, configuration)
        return Written(generation=generation, stored=stored)

    async def get(self, configuration_id: str) -> StoredConfiguration:
        """Return a configuration.

        Raises:
            ConfigurationNotFound: there is none with this ID.
        """
        async with answering(), self._engine.connect() as connection:
            stored = await _find(connection, configuration_id)
        if stored is None:
            raise ConfigurationNotFound(configuration_id)
        return stored

    async def page(self, *, after: str, limit: int) -> list[StoredConfiguration]:
        """Return the first *limit* configurations after the ID *after*, in order of their IDs."""
        query = (
            sa.select(configurations)
            .where(configurations.c.id > after)
            .order_by(configurations.c.id)
            .limit(limit)
        )
        async with answering(), self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [stored_configuration_of(row) for row in rows]

    async def update(
        self, configuration_id: str, *, etag: str, change: Callable[[Configuration], Configuration]
    ) -> Written:
        """Replace a configuration by what *change* makes of it; what that raises is raised.

        Raises:
            ConfigurationNotFound: there is none with this ID.
            EtagMismatch: *etag* is not empty and not the current one.
            SenderBound: another configuration has one of its senders.
        """
        async with self._writing() as (connection, generation):
            before = await _find_matching(connection, configuration_id, etag)
            after = StoredConfiguration(
                configuration=change(before.configuration),
                create_time=before.create_time,
                update_time=dt.datetime.now(dt.UTC),
                etag=_new_etag(),
            )
            await connection.execute(
                sa.update(configurations)
                .where(configurations.c.id == configuration_id)
                .values(row_of(after))
            )
            await connection.execute(
                sa.delete(senders).where(senders.c.configuration_id == configuration_id)
            )
            await _bind(connection, after.configuration)
        return Written(generation=generation, stored=after)

    async def delete(self, configuration_id: str, *, etag: str) -> Written:
        """Delete a configuration.

        Raises:
            ConfigurationNotFound: there is none with this ID.
            EtagMismatch: *etag* is not empty and not the current one.
        """
        async with self._writing() as (connection, generation):
            stored = await _find_matching(connection, configuration_id, etag)
            await connection.execute(
                sa.delete(configurations).where(configurations.c.id == configuration_id)
            )
        return Written(generation=generation, stored=stored)

    async def generation(self) -> int:
        """Return the number of the last write."""
        async with answering(), self._engine.connect() as connection:
            return await _generation(connection)

    async def load(self) -> tuple[int, list[Configuration]]:
        """Return all configurations, and a generation that they have reached at least."""
        found: list[Configuration] = []
        async with answering(), self._engine.connect() as connection:
            # Before the rows: what is written between the two is loaded again.
            generation = await _generation(connection)
            async with connection.stream(sa.select(configurations)) as rows:
                async for some in rows.mappings().partitions(LOAD_ROWS):
                    found += [stored_configuration_of(row).configuration for row in some]
        return generation, found

    @contextlib.asynccontextmanager
    async def _writing(self) -> AsyncIterator[tuple[AsyncConnection, int]]:
        async with answering(), self._engine.begin() as connection:
            await connection.execute(sa.update(state).values(generation=state.c.generation + 1))
            yield connection, await _generation(connection)


def _new_etag() -> str:
    # Random, not counted: a configuration that was deleted and made again has
    # another one.
    return secrets.token_hex(8)


async def _generation(connection: AsyncConnection) -> int:
    return int((await connection.execute(sa.select(state.c.generation))).scalar_one())


async def _find(connection: AsyncConnection, configuration_id: str) -> StoredConfiguration | None:
    query = sa.select(configurations).where(configurations.c.id == configuration_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else stored_configuration_of(row)


async def _find_matching(
    connection: AsyncConnection, configuration_id: str, etag: str
) -> StoredConfiguration:
    stored = await _find(connection, configuration_id)
    if stored is None:
        raise ConfigurationNotFound(configuration_id)
    if etag and etag != stored.etag:
        raise EtagMismatch(configuration_id=configuration_id, etag=stored.etag)
    return stored


async def _bind(connection: AsyncConnection, configuration: Configuration) -> None:
    """Bind the senders of *configuration* to it, unless another one has them."""
    written = {sender_key(each): index for index, each in enumerate(configuration.senders)}
    if not written:
        return
    query = sa.select(senders).where(senders.c.sender_key.in_(written))
    taken = (await connection.execute(query.limit(1))).mappings().one_or_none()
    if taken is not None:
        raise SenderBound(
            index=written[taken["sender_key"]], configuration_id=taken["configuration_id"]
        )
    await connection.execute(
        sa.insert(senders),
        [{"sender_key": key, "configuration_id": configuration.id} for key in written],
    )
