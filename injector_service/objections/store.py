"""Who has objected, in the configurations' database, for the next start."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from injector_service.configurations.store import answering
from injector_service.objections.objected import Digests
from injector_service.objections.tables import objections


class ObjectedStore:
    """What was last known; every method raises `StorageUnavailable` like other stores'."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def load(self) -> Digests | None:
        """Return what was known; None if nothing was."""
        async with answering(), self._engine.connect() as connection:
            row = (await connection.execute(sa.select(objections))).mappings().one()
        if not row["key"]:
            return None
        return Digests.of(change=row["change"], key=row["key"], octets=row["digests"])

    async def save(self, digests: Digests) -> None:
        """Keep *digests*; of several processes the last one is right, until the next change."""
        octets = b"".join(digests.digests)
        values = {"change": digests.change, "key": digests.key, "digests": octets}
        async with answering(), self._engine.begin() as connection:
            await connection.execute(sa.update(objections).values(values))
