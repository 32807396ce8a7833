"""Erasing in bounded steps, for any database."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Final, NamedTuple, Protocol

import sqlalchemy as sa

from pixel_service.open_log.sql.pacing import Pace
from pixel_service.open_log.sql.statistics.counting import take_back
from pixel_service.open_log.sql.tables import open_counts, opens, webhook_skips
from pixel_service.open_log.statistics import CountingRules
from pixel_service.open_log.values import Erased, Position

# Opens looked at, and erased, in one step: a few milliseconds of the database.
_STEP_ENTRIES: Final = 500

# Of the time.  Somebody waits for it, and it mostly reads.
_SHARE: Final = 0.5

# Messages whose opens that are only counted are still to be found.  These come right
# after the notified ones of the same fetch, unless other appends come in between.
_MAX_PURSUED: Final = 10_000


class StoredOpen(NamedTuple):
    """What of an open is looked at to decide whether it is erased."""

    position: Position
    message_key: bytes | None
    notification: bytes
    """Without open number and burst; empty if it is only counted, or was erased."""


class Erasable(Protocol):
    """What erasing needs of a log."""

    async def end(self) -> Position:
        """Return the position of the last open that is there, also if readers may not see it."""

    async def earliest(self) -> Position:
        """Return the position after which every open is still there."""

    async def stored(self, *, after: Position, max_entries: int) -> Sequence[StoredOpen]:
        """Return the opens that follow *after*, all kinds."""

    async def erase_step(self, positions: Sequence[Position]) -> int:
        """Erase the opens at *positions*; return how many held anything."""


async def erase_in_steps(
    log: Erasable, matches: Callable[[bytes], bool], *, message_keys: Collection[bytes]
) -> AsyncIterator[Erased]:
    """Erase what *matches*, and what is under *message_keys*; see `OpenLog.erase`."""
    pace = Pace(share=_SHARE)
    pursued = _Pursued(message_keys)
    after, end = await log.earliest(), await log.end()
    total = max(0, end.sequence - after.sequence)
    erased = examined = 0
    yield Erased(total=total)
    while after < end and (step := await log.stored(after=after, max_entries=_STEP_ENTRIES)):
        chosen = [open_.position for open_ in step if pursued.choose(open_, matches)]
        if chosen:
            erased += await log.erase_step(chosen)
        examined += len(step)
        after = step[-1].position
        yield Erased(entries=erased, examined=examined, total=total)
        await pace.pause()


class _Pursued:
    """The messages whose opens are erased without being looked at."""

    def __init__(self, message_keys: Collection[bytes]) -> None:
        self._named = frozenset(message_keys)
        # By a match, the oldest first: their opens that are only counted.
        self._matched: dict[bytes, None] = {}

    def choose(self, open_: StoredOpen, matches: Callable[[bytes], bool]) -> bool:
        """Return whether *open_* is erased; call this in the order of the log."""
        if open_.message_key in self._named:
            return True
        if not open_.notification:
            return open_.message_key in self._matched
        is_match = matches(open_.notification)
        if is_match and open_.message_key is not None:
            self._pursue(open_.message_key)
        return is_match

    def _pursue(self, message_key: bytes) -> None:
        self._matched.pop(message_key, None)
        self._matched[message_key] = None
        if len(self._matched) > _MAX_PURSUED:
            del self._matched[next(iter(self._matched))]


def erase_opens(
    connection: sa.Connection, *, rules: CountingRules, positions: Sequence[tuple[int, int]]
) -> int:
    """Empty the opens at these positions and forget the counts of their messages.

    The rows stay, so that readers see no hole and a repeated append is still known.

    Returns:
        How many held anything.
    """
    take_back(connection, rules, positions)
    # Sequence numbers are unique by themselves; the transactions lead PostgreSQL to
    # its primary key, which begins with them.
    chosen = sa.and_(
        opens.c.sequence.in_([sequence for _, sequence in positions]),
        opens.c.transaction_id.in_({transaction for transaction, _ in positions}),
    )
    connection.execute(
        open_counts.delete().where(
            sa.tuple_(open_counts.c.message_key, open_counts.c.configuration_id).in_(
                sa.select(opens.c.message_key, opens.c.configuration_id).where(chosen)
            )
        )
    )
    erased = connection.execute(
        opens.update()
        .where(chosen, sa.or_(opens.c.notification != b"", opens.c.message_key.is_not(None)))
        .values(
            notification=b"",
            message_key=None,
            configuration_id="",
            agent=0,
            confidence=0,
            open_number=0,
            burst=0,
            collapsed=0,
        )
    ).rowcount
    # After the opens are locked: an event that is listed as skipped meanwhile is waited for.
    connection.execute(
        webhook_skips.delete().where(
            webhook_skips.c.sequence.in_([sequence for _, sequence in positions]),
            webhook_skips.c.transaction_id.in_({transaction for transaction, _ in positions}),
        )
    )
    return erased
