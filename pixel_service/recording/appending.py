"""Appends opens to a log, also beside some that its database refuses for themselves."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from pixel_service.errors import LogRefused
from pixel_service.open_log import JournalPosition, OpenLog, OpenRecord

# A database that refuses so many, one after the other, refuses opens as such.  That is an
# outage, which an operator mends, and the journal keeps what waits.
_MOST_IN_A_ROW: Final = 10

logger = structlog.get_logger()


class Appender:
    """Appends to *log*.

    An open that its database refuses keeps no other out: the batch is halved until it
    is found.
    """

    def __init__(self, log: OpenLog) -> None:
        self._log = log
        self._in_a_row = 0
        self.refused = 0
        """Opens that the database has refused."""

    async def append(
        self,
        opens: Sequence[OpenRecord],
        position: JournalPosition,
        *,
        set_aside: Callable[[], Awaitable[None]],
    ) -> None:
        """Append *opens*, all that the database takes, in their order, and then *position*.

        Args:
            opens: what to append.
            position: where they came from.
            set_aside: keeps the segment that they came from; called if any is refused.

        Raises:
            LogUnavailable: the outcome is unknown; also when it refuses everything.
        """
        try:
            await self._log.append(opens, journal=position)
        except LogRefused as error:
            refused = await self._append_in_parts(opens)
            await set_aside()
            await self._log.append((), journal=position)
            self._count(refused, error, journal=position.journal_id, segment=position.segment)
        else:
            if opens:
                self._in_a_row = 0

    async def append_unplaced(self, opens: Sequence[OpenRecord], *, file: str) -> int:
        """Append *opens*, which come from no journal; return how many the database does not take.

        Raises:
            LogUnavailable: as `append` does.
        """
        try:
            await self._log.append(opens)
        except LogRefused as error:
            refused = await self._append_in_parts(opens)
            self._count(refused, error, file=file)
            return refused
        return 0

    def _count(self, refused: int, error: LogRefused, **source: object) -> None:
        self.refused += refused
        logger.error(
            "opens refused by the log's database", text=str(error), refused_opens=refused, **source
        )

    async def _append_in_parts(self, opens: Sequence[OpenRecord]) -> int:
        """Append those of *opens* that the database takes; return how many it does not."""
        refused, in_a_row = 0, self._in_a_row
        parts = [opens]
        # Twice as many rounds as there are opens, at most.
        while parts:
            part = parts.pop()
            try:
                await self._log.append(part)
            except LogRefused:
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                    continue
                refused, in_a_row = refused + 1, in_a_row + 1
                if in_a_row > _MOST_IN_A_ROW:
                    raise
            else:
                in_a_row = 0
        self._in_a_row = in_a_row
        return refused
