"""Writing other judgements into opens that are there, in bounded steps, for any database."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NamedTuple, Protocol

import sqlalchemy as sa

from pixel_service.open_log.sql.erasing import StoredOpen
from pixel_service.open_log.sql.pacing import Pace
from pixel_service.open_log.sql.statistics.counting import judge_again
from pixel_service.open_log.sql.tables import opens
from pixel_service.open_log.statistics import CountingRules
from pixel_service.open_log.values import Position, Revised, Revision

# Opens looked at in one step. Whoever looks at one may take 0.1 ms for it, during which
# nothing else runs.
_STEP_ENTRIES: Final = 100

# Of the time. Nobody is in a hurry.
_SHARE: Final = 0.5


class RevisedOpen(NamedTuple):
    """An open, and what it is to be."""

    position: Position
    was: bytes
    """Its notification. What is another one by now, because it was erased, stays."""

    revision: Revision


class Revisable(Protocol):
    """What revising needs of a log."""

    async def end(self) -> Position:
        """Return the position of the last open that is there, also if readers may not see it."""

    async def earliest(self) -> Position:
        """Return the position after which every open is still there."""

    async def stored(self, *, after: Position, max_entries: int) -> Sequence[StoredOpen]:
        """Return the opens that follow *after*, all kinds."""

    async def revise_step(self, revised: Sequence[RevisedOpen]) -> None:
        """Write what these opens are to be, all or none."""


async def revise_in_steps(
    log: Revisable,
    revision_of: Callable[[bytes], Revision | None],
    *,
    after: Position | None,
    is_dry_run: bool,
) -> AsyncIterator[Revised]:
    """Write what *revision_of* returns; see `OpenLog.revise`."""
    pace = Pace(share=_SHARE)
    earliest, end = await log.earliest(), await log.end()
    after = earliest if after is None else max(after, earliest)
    total, examined = max(0, end.sequence - after.sequence), 0
    yield Revised(total=total, after=after)
    while after < end and (step := await log.stored(after=after, max_entries=_STEP_ENTRIES)):
        revised = [
            RevisedOpen(open_.position, open_.notification, revision)
            for open_ in step
            if open_.notification and (revision := revision_of(open_.notification)) is not None
        ]
        if revised and not is_dry_run:
            await log.revise_step(revised)
        examined += len(step)
        after = step[-1].position
        yield Revised(examined=examined, total=total, after=after)
        await pace.pause()


_REVISE: Final = (
    opens.update()
    .where(
        # The transaction leads PostgreSQL to its primary key, which begins with it.
        opens.c.transaction_id == sa.bindparam("of_transaction"),
        opens.c.sequence == sa.bindparam("of_sequence"),
        opens.c.notification == sa.bindparam("was"),
    )
    .values(
        agent=sa.bindparam("new_agent"),
        confidence=sa.bindparam("new_confidence"),
        notification=sa.bindparam("new_notification"),
    )
)


def revise_opens(
    connection: sa.Connection, *, rules: CountingRules, revised: Sequence[RevisedOpen]
) -> None:
    """Write what these opens are to be, but for those that are another by now."""
    judge_again(
        connection,
        rules,
        {each.position: (each.was, rules.facts_of(*each.revision)) for each in revised},
    )
    connection.execute(
        _REVISE,
        [
            {
                "of_transaction": each.position.transaction,
                "of_sequence": each.position.sequence,
                "was": each.was,
                "new_agent": each.revision.agent,
                "new_confidence": each.revision.confidence,
                "new_notification": each.revision.notification,
            }
            for each in revised
        ],
    )
