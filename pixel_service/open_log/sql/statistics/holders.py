"""With which opens messages count as opened: their holders.  See ADR 0034."""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.numbering import MessageOf
from pixel_service.open_log.sql.statistics.opens import LOOKUP, CountedOpen
from pixel_service.open_log.sql.statistics.tallies import AT_LEAST, AT_MOST
from pixel_service.open_log.sql.statistics.upserting import upsert
from pixel_service.open_log.sql.tables import statistics_messages
from pixel_service.open_log.values import BEGINNING, Position

# Where no open is: the message has no holder.
NOBODY: Final = BEGINNING

BOUNDS: Final = (AT_LEAST, AT_MOST)


class Holders:
    """The holders of some messages, one for each bound, for one transaction."""

    def __init__(self, connection: sa.Connection, touched: Iterable[CountedOpen]) -> None:
        self._connection = connection
        self._holders = _look_up(connection, {each.message for each in touched if each.message})
        self._changed: set[MessageOf] = set()

    def __getitem__(self, place: tuple[MessageOf, int]) -> Position:
        """Return the holder of a message for a bound."""
        message, bound = place
        return self._of(message)[BOUNDS.index(bound)]

    def __setitem__(self, place: tuple[MessageOf, int], holder: Position) -> None:
        """Make an open the holder of a message for a bound."""
        message, bound = place
        self._of(message)[BOUNDS.index(bound)] = holder
        self._changed.add(message)

    def _of(self, message: MessageOf) -> list[Position]:
        return self._holders.setdefault(message, [NOBODY] * len(BOUNDS))

    def write(self) -> None:
        """Write what has changed."""
        nobody = [NOBODY] * len(BOUNDS)
        kept = sorted(each for each in self._changed if self._holders[each] != nobody)
        upsert(
            self._connection,
            statistics_messages,
            [(*each, *self._holders[each][0], *self._holders[each][1]) for each in kept],
            is_added=False,
        )
        forgotten = sorted(self._changed.difference(kept))
        message = sa.tuple_(
            statistics_messages.c.message_key, statistics_messages.c.configuration_id
        )
        for start in range(0, len(forgotten), LOOKUP):
            self._connection.execute(
                statistics_messages.delete().where(message.in_(forgotten[start : start + LOOKUP]))
            )


def rows_of(connection: sa.Connection, messages: Iterable[MessageOf]) -> list[Any]:
    """Return the rows of *messages*, of whichever configuration."""
    keys = sorted({key for key, _ in messages})
    rows: list[Any] = []
    for start in range(0, len(keys), LOOKUP):
        rows += connection.execute(
            sa.select(statistics_messages).where(
                statistics_messages.c.message_key.in_(keys[start : start + LOOKUP])
            )
        )
    return rows


def _look_up(
    connection: sa.Connection, messages: Iterable[MessageOf]
) -> dict[MessageOf, list[Position]]:
    return {
        (key, configuration_id): [Position(*places[:2]), Position(*places[2:])]
        for key, configuration_id, *places in rows_of(connection, messages)
    }
