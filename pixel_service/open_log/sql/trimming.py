"""Trimming in small steps, for any database."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Final, Protocol

from pixel_service.open_log.sql.pacing import Pace
from pixel_service.open_log.sql.subscriptions import SqlSubscriptions
from pixel_service.open_log.values import BEGINNING, Position, Trimmed

# Opens removed in one transaction: 6 ms of the database, so that an append that comes after
# it does not notice.  Per open, 200 at once take half as long again.
STEP_ENTRIES: Final = 500

# Of the time: appends beside it take as long as without it, and three times as long beside
# trimming without a pause.
_SHARE: Final = 0.25

# Subscriptions looked at per query when reporting who lost opens.
_SUBSCRIPTIONS_PAGE: Final = 500


class Trimmable(Protocol):
    """What trimming needs of a log."""

    subscriptions: SqlSubscriptions

    async def head(self) -> Position:
        """Return the position of the last visible open."""

    async def earliest(self) -> Position:
        """Return the position after which every open is still there."""

    async def position_at(self, time: dt.datetime) -> Position:
        """Return where to read so that the first open is the first recorded since *time*."""

    async def octets_used(self) -> int:
        """Return the size of what is held."""

    async def trim_step(self, *, up_to: Position, max_entries: int) -> int:
        """Remove some of the oldest opens; return how many, fewer at the end."""

    async def give_back_step(self) -> int:
        """Give some space that is not needed back to the file system; return how much is left."""


async def trim_in_steps(
    log: Trimmable, *, older_than: dt.timedelta | None, max_octets: int | None
) -> AsyncIterator[Trimmed]:
    """Remove what is too old, and then what is too much; see `OpenLog.trim`."""
    pace = Pace(share=_SHARE)
    before, head = await log.earliest(), await log.head()
    removed = 0
    if older_than is not None:
        limit = await log.position_at(dt.datetime.now(dt.UTC) - older_than)
        while limit != BEGINNING and (step := await _step(log, limit)):
            removed += step
            yield Trimmed(entries=removed)
            await pace.pause()
    if max_octets is not None:
        # The head as it was bounds the loop: what comes meanwhile stays.
        while await log.octets_used() > max_octets and (step := await _step(log, head)):
            removed += step
            yield Trimmed(entries=removed)
            await pace.pause()
    while await log.give_back_step():
        yield Trimmed(entries=removed)
        await pace.pause()
    after = await log.earliest()
    losers = await _between(log, before, after) if after > before else ()
    yield Trimmed(entries=removed, subscriptions_behind=losers)


async def _step(log: Trimmable, limit: Position) -> int:
    return await log.trim_step(up_to=limit, max_entries=STEP_ENTRIES)


async def _between(log: Trimmable, before: Position, after: Position) -> tuple[str, ...]:
    """Return the subscriptions that *after* has overtaken and *before* had not."""
    losers: list[str] = []
    after_id = ""
    while page := await log.subscriptions.list_subscriptions(
        after_id=after_id, limit=_SUBSCRIPTIONS_PAGE
    ):
        losers += [each.id for each in page if before <= each.acknowledged < after]
        after_id = page[-1].id
    return tuple(losers)
