"""Trimming in small steps, for any database."""

import asyncio
import datetime as dt
from typing import Final, Protocol

from pixel_service.open_log.sql.subscriptions import SqlSubscriptions
from pixel_service.open_log.values import BEGINNING, Position, Trimmed

# Opens removed in one transaction: short enough that an append behind it does not
# notice.
STEP_ENTRIES: Final = 1_000

# Subscriptions looked at per query when reporting who lost opens.
_SUBSCRIPTIONS_PAGE: Final = 500


class Trimmable(Protocol):
    """What trimming needs of a log."""

    subscriptions: SqlSubscriptions

    async def head(self) -> Position:
        """See `OpenLog.head`."""

    async def earliest(self) -> Position:
        """See `OpenLog.earliest`."""

    async def position_at(self, time: dt.datetime) -> Position:
        """See `OpenLog.position_at`."""

    async def octets_used(self) -> int:
        """Return the size of what is held."""

    async def trim_step(self, *, up_to: Position, max_entries: int) -> int:
        """Remove some of the oldest opens; return how many, fewer at the end."""


async def trim_in_steps(
    log: Trimmable, *, older_than: dt.timedelta | None, max_octets: int | None
) -> Trimmed:
    """Remove what is too old, and then what is too much; see `OpenLog.trim`."""
    before = await log.earliest()
    removed = 0
    if older_than is not None:
        limit = await log.position_at(dt.datetime.now(dt.UTC) - older_than)
        removed += await _remove(log, limit)
    if max_octets is not None:
        # The head as it is now bounds the loop: what comes meanwhile stays.
        limit = await log.head()
        while await log.octets_used() > max_octets:
            step = await log.trim_step(up_to=limit, max_entries=STEP_ENTRIES)
            removed += step
            if step < STEP_ENTRIES:
                break
            await asyncio.sleep(0)
    after = await log.earliest()
    return Trimmed(
        entries=removed,
        subscriptions_behind=await _between(log, before, after) if after > before else (),
    )


async def _remove(log: Trimmable, limit: Position) -> int:
    removed = 0
    if limit == BEGINNING:
        return removed
    while (step := await log.trim_step(up_to=limit, max_entries=STEP_ENTRIES)) > 0:
        removed += step
        await asyncio.sleep(0)
    return removed


async def _between(log: Trimmable, before: Position, after: Position) -> tuple[str, ...]:
    """Return the subscriptions that *after* has overtaken and *before* had not."""
    behind: list[str] = []
    after_id = ""
    while page := await log.subscriptions.list_subscriptions(
        after_id=after_id, limit=_SUBSCRIPTIONS_PAGE
    ):
        behind += [each.id for each in page if before <= each.acknowledged < after]
        after_id = page[-1].id
    return tuple(behind)
