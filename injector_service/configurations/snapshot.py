"""The configurations as rewriting sees them: in memory, never waiting for the database.

Each process follows the database by asking for its generation, one small row, every
few seconds; only a changed one makes it load the configurations again.  When the
database does not answer, what is in memory goes on being used.
"""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from injector_service.configurations.configuration import Configuration, StoredConfiguration
from injector_service.configurations.senders import keys_of_address, sender_key
from injector_service.errors import StorageUnavailable

if TYPE_CHECKING:
    # Processes that rewrite know a configuration, and need no database.
    from injector_service.configurations.store import ConfigurationStore, Written

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All configurations at one moment."""

    generation: int
    by_id: Mapping[str, Configuration]
    id_by_sender: Mapping[str, str]

    @classmethod
    def of(cls, generation: int, configurations: Sequence[Configuration]) -> "Snapshot":
        """Return the snapshot of *configurations*."""
        return cls(
            generation=generation,
            by_id={each.id: each for each in configurations},
            id_by_sender={
                sender_key(sender): each.id for each in configurations for sender in each.senders
            },
        )

    def after(
        self, written: "Written", configuration_id: str, configuration: Configuration | None
    ) -> "Snapshot":
        """Return the snapshot with *configuration* (None: deleted), which *written* made so.

        If another process has written in between, the generation stays as it was, and
        the next refresh loads everything.
        """
        by_id = {**self.by_id}
        before = by_id.pop(configuration_id, None)
        if configuration is not None:
            by_id[configuration_id] = configuration
        id_by_sender = {**self.id_by_sender}
        for sender in before.senders if before is not None else ():
            id_by_sender.pop(sender_key(sender), None)
        for sender in configuration.senders if configuration is not None else ():
            id_by_sender[sender_key(sender)] = configuration_id
        follows = written.generation == self.generation + 1
        return Snapshot(
            generation=written.generation if follows else self.generation,
            by_id=by_id,
            id_by_sender=id_by_sender,
        )

    def get(self, configuration_id: str) -> Configuration | None:
        """Return the configuration with this ID, or None."""
        return self.by_id.get(configuration_id)

    def bound_to(self, address: str) -> Configuration | None:
        """Return the configuration that is bound to *address* or else its domain, or None."""
        for key in keys_of_address(address):
            configuration_id = self.id_by_sender.get(key)
            if configuration_id is not None:
                return self.by_id[configuration_id]
        return None


class Configurations:
    """The configurations: stored in the database, used from memory.

    Writes go to the database and are in memory when they return.  They and the
    follower take one lock, so an older state never replaces a newer one; reading
    the snapshot takes none.
    """

    def __init__(self, store: "ConfigurationStore", snapshot: Snapshot) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self.snapshot = snapshot
        self.is_current = True

    @classmethod
    async def load(cls, store: "ConfigurationStore") -> "Configurations":
        """Return the configurations in *store*."""
        return cls(store, Snapshot.of(*await store.load()))

    async def create(self, configuration: Configuration) -> StoredConfiguration:
        """Store a new configuration.

        Raises:
            ConfigurationExists: the ID is taken.
            SenderBound: another configuration has one of its senders.
        """
        async with self._lock:
            written = await self._store.create(configuration)
            self.snapshot = self.snapshot.after(written, configuration.id, configuration)
        return written.stored

    async def get(self, configuration_id: str) -> StoredConfiguration:
        """Return a configuration as the database has it.

        Raises:
            ConfigurationNotFound: there is none with this ID.
        """
        return await self._store.get(configuration_id)

    async def page(self, *, after: str, limit: int) -> list[StoredConfiguration]:
        """Return the first *limit* configurations after the ID *after*, in order of their IDs."""
        return await self._store.page(after=after, limit=limit)

    async def update(
        self, configuration_id: str, *, etag: str, change: Callable[[Configuration], Configuration]
    ) -> StoredConfiguration:
        """Replace a configuration by what *change* makes of it; what that raises is raised.

        Raises:
            ConfigurationNotFound: there is none with this ID.
            EtagMismatch: *etag* is not empty and not the current one.
            SenderBound: another configuration has one of its senders.
        """
        async with self._lock:
            written = await self._store.update(configuration_id, etag=etag, change=change)
            self.snapshot = self.snapshot.after(
                written, configuration_id, written.stored.configuration
            )
        return written.stored

    async def delete(self, configuration_id: str, *, etag: str) -> None:
        """Delete a configuration.

        Raises:
            ConfigurationNotFound: there is none with this ID.
            EtagMismatch: *etag* is not empty and not the current one.
        """
        async with self._lock:
            written = await self._store.delete(configuration_id, etag=etag)
            self.snapshot = self.snapshot.after(written, configuration_id, None)

    async def refresh(self) -> None:
        """Take over what other processes have changed."""
        async with self._lock:
            if await self._store.generation() != self.snapshot.generation:
                self.snapshot = Snapshot.of(*await self._store.load())

    async def follow(self, interval: dt.timedelta) -> None:
        """Refresh every *interval* until cancelled, through outages of the database."""
        while True:
            await asyncio.sleep(interval.total_seconds())
            try:
                await self.refresh()
            except StorageUnavailable as error:
                if self.is_current:
                    logger.warning("configurations not refreshed", reason=error.reason)
                self.is_current = False
            else:
                if not self.is_current:
                    logger.info("configurations refreshed again")
                self.is_current = True
