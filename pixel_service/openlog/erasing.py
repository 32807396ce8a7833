"""Erasing in bounded steps, for any database."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple, Protocol

from pixel_service.opens import Position

# Opens looked at, and erased, in one step: a few milliseconds of the database.
_STEP_ENTRIES: Final = 500


class StoredOpen(NamedTuple):
    """What of an open is looked at to decide whether it is erased."""

    position: Position
    message_key: bytes | None
    notification: bytes
    """Without open number and burst; empty if it is only counted, or was erased."""


class Erasable(Protocol):
    """What erasing needs of a log."""

    async def head(self) -> Position:
        """See `OpenLog.head`."""

    async def earliest(self) -> Position:
        """See `OpenLog.earliest`."""

    async def stored(self, *, after: Position, max_entries: int) -> Sequence[StoredOpen]:
        """Return the opens that follow *after*, all kinds."""

    async def erase_step(self, positions: Sequence[Position]) -> int:
        """Erase the opens at *positions*; return how many held anything."""


async def erase_in_steps(
    log: Erasable, matches: Callable[[bytes], bool], *, message_keys: Collection[bytes]
) -> int:
    """Erase what *matches*, and what is under *message_keys*; see `OpenLog.erase`."""
    keys = frozenset(message_keys)
    after, head = await log.earliest(), await log.head()
    erased = 0
    while after < head:
        step = await log.stored(after=after, max_entries=_STEP_ENTRIES)
        if not step:
            break
        chosen = [
            open_.position
            for open_ in step
            if open_.message_key in keys or (open_.notification and matches(open_.notification))
        ]
        if chosen:
            erased += await log.erase_step(chosen)
        after = step[-1].position
    return erased
