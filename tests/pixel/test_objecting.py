"""Recording is told of objections in the order in which they are taken."""

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from pixel_service.objecting import Objecting
from pixel_service.open_log import ObjectionKeys, ObjectionStore, ObjectionSubject
from pixel_service.recording import Objected
from tests.pixel.service_values import a_log

FIRST, SECOND = b"1" * 16, b"2" * 16


class Told(Objected):
    """Keeps what it is told."""

    told: Sequence[frozenset[bytes]] = ()

    def replace(self, keys: frozenset[bytes]) -> None:
        """Take *keys*, as recording does."""
        self.told = [*self.told, keys]
        super().replace(keys)


@dataclasses.dataclass
class SlowOnce:
    """A store of which the first look has its answer late."""

    store: ObjectionStore
    has_read: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    async def keys(self, *, unless_change: int | None) -> ObjectionKeys | None:
        """Return the keys of all, the first time as they were a while ago."""
        found = await self.store.keys(unless_change=unless_change)
        if not self.has_read.is_set():
            self.has_read.set()
            await self.may_answer.wait()
        return found


async def test_late_look_takes_no_objection_back(tmp_path: Path) -> None:
    """Whoever takes one has it before they answer, whatever else is looked at meanwhile."""
    async with a_log(tmp_path) as log:
        slow, told = SlowOnce(log.objections), Told(log.identity.cursor_key)
        objecting = Objecting(store=cast("ObjectionStore", slow), objected=told)
        await log.objections.create(FIRST, ObjectionSubject.MESSAGE)
        late = asyncio.create_task(objecting.look())
        await slow.has_read.wait()
        await log.objections.create(SECOND, ObjectionSubject.MESSAGE)
        answer = asyncio.create_task(objecting.look())
        # As far as it comes: without an order it is done by then.
        for _ in range(20):
            await log.objections.get(SECOND)
        slow.may_answer.set()
        await asyncio.gather(late, answer)

    assert told.told[-1] == {FIRST, SECOND}
