"""Counts of opens per message on SQLite: the newest in memory, the rest in the table.

A commit changes counts of messages of many times, each on a page of its own to write and to
sync: it made a commit of 64 opens three times as long.  But every open holds its number, so
the counts can be had from the opens, and their table may lag behind.

1. A generation is the counts that have changed since the last one was closed (`_fresh`).
   It is closed when it has `GENERATION_COUNTS`.
2. A closed generation (`_merging`) is brought into the table a slice at each commit, in key
   order, where many counts share a page: most messages are opened within a day, and their keys
   begin with their time (`message_key`).  The next is not closed before it is through;
   slices are large enough for that.
3. `open_log.counted_sequence` is the last open that the table counts.  It moves with the last
   slice of a generation, in the same transaction.
4. So the newest count of a message is in `_fresh`, else in `_merging`, else in the table.
5. At the start, and after a transaction that failed, memory is read back from the opens
   beyond `counted_sequence`.  Slices that were written before are counted again; a count
   replaces the one in the table, so that is no harm.
6. Whatever removes opens brings everything into the table first, because what is removed
   cannot be read back.

What is counted, and when counts go, is said in `numbering`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pixel_service.open_log.numbering import Counts, MessageOf
from pixel_service.open_log.sqlite.rows import insert_rows

# Counts that gather before they are brought into the table, about 300 octets each.
# More share more pages, but take longer to sort (40 ms) and to read back (half a second).
GENERATION_COUNTS: Final = 100_000

# Counts that a commit brings into the table: so many at least, and so many for each that
# it adds.  A generation is through before the next one is full (rule 2).
_MIN_SLICE: Final = 200
_SLICE_FACTOR: Final = 2

# Parameters of one look-up.  A few sizes keep SQLite's statement cache warm; its
# default limit is 32,766.
_LOOKUP_SIZES: Final = (1, 8, 64, 512)

_INSERT: Final = (
    "INSERT INTO open_counts (message_key, configuration_id, opens, bursts) VALUES {} "
    "ON CONFLICT DO UPDATE SET opens = excluded.opens, bursts = excluded.bursts"
)
_LOOK_UP: Final = (
    "SELECT message_key, configuration_id, opens, bursts FROM open_counts WHERE message_key IN ({})"
)
_READ_BACK: Final = (
    "SELECT message_key, configuration_id, max(open_number), max(burst) FROM opens "
    "WHERE sequence > (SELECT counted_sequence FROM open_log) AND message_key IS NOT NULL "
    "GROUP BY message_key, configuration_id"
)
_LAST: Final = (
    "SELECT max(trimmed_sequence, ifnull((SELECT max(sequence) FROM opens), 0)) FROM open_log"
)


class MessageCounts:
    """The counts, for the one thread that writes.

    Every call is part of a transaction of the caller's, who says `forget` if that
    fails.
    """

    def __init__(self, *, generation_counts: int = GENERATION_COUNTS) -> None:
        self._generation_counts = generation_counts
        # Plain tuples, not Counts: see `numbering._Burst`.
        self._fresh: dict[MessageOf, tuple[int, int]] = {}
        self._merging: dict[MessageOf, tuple[int, int]] = {}
        self._order: list[MessageOf] = []
        self._merging_up_to = 0
        self._is_known = False

    def forget(self) -> None:
        """Forget what is in memory: it is read back before it is next needed (rule 5)."""
        self._is_known = False

    def look_up(
        self, connection: sa.Connection, messages: Iterable[MessageOf]
    ) -> dict[MessageOf, Counts]:
        """Return the counts of those *messages* that have any: rule 4."""
        self._make_known(connection)
        found: dict[MessageOf, Counts] = {}
        elsewhere = set()
        for message in messages:
            counts = self._fresh.get(message) or self._merging.get(message)
            if counts is None:
                elsewhere.add(message[0])
            else:
                found[message] = Counts(*counts)
        for row in look_up(connection, _LOOK_UP, sorted(elsewhere)):
            found.setdefault((row[0], row[1]), Counts(row[2], row[3]))
        return found

    def newer_in_memory(
        self, connection: sa.Connection, numbers: Mapping[MessageOf, int]
    ) -> set[MessageOf]:
        """Return the messages that have later opens than these, as only memory may know."""
        self._make_known(connection)
        return {
            message
            for message, number in numbers.items()
            if (counts := self._fresh.get(message) or self._merging.get(message))
            and counts[0] > number
        }

    def update(
        self, connection: sa.Connection, changed: Mapping[MessageOf, Counts], *, last: int
    ) -> None:
        """Take over *changed* counts, of opens up to the sequence number *last*."""
        self._make_known(connection)
        self._fresh.update(
            {message: (counts.opens, counts.bursts) for message, counts in changed.items()}
        )
        if not self._order and len(self._fresh) > self._generation_counts:
            self._begin_merging(last)
        self._merge(connection, max(_MIN_SLICE, _SLICE_FACTOR * len(changed)))

    def flush(self, connection: sa.Connection) -> None:
        """Bring everything into the table, before opens are removed (rule 6)."""
        self._make_known(connection)
        self._merge(connection, len(self._order))
        if self._fresh:
            self._begin_merging(connection.exec_driver_sql(_LAST).scalar_one())
            self._merge(connection, len(self._order))

    def _begin_merging(self, last: int) -> None:
        self._merging, self._fresh = self._fresh, {}
        self._merging_up_to = last
        # From the end, so that what is done can be cut off.
        self._order = sorted(self._merging, reverse=True)

    def _merge(self, connection: sa.Connection, count: int) -> None:
        if not self._order or not count:
            return
        slice_ = self._order[-count:]
        del self._order[-count:]
        insert_rows(
            connection,
            _INSERT,
            "(?, ?, ?, ?)",
            [(*message, *self._merging[message]) for message in slice_],
        )
        if not self._order:  # rule 3
            self._merging = {}
            connection.exec_driver_sql(
                "UPDATE open_log SET counted_sequence = ?", (self._merging_up_to,)
            )

    def _make_known(self, connection: sa.Connection) -> None:
        if self._is_known:
            return
        rows = connection.exec_driver_sql(_READ_BACK)
        self._fresh = {(row[0], row[1]): (row[2], row[3]) for row in rows}
        self._merging, self._order = {}, []
        self._is_known = True


def look_up(
    connection: sa.Connection, statement: str, keys: Sequence[object]
) -> Iterable[Sequence[Any]]:
    """Run *statement* for *keys*, in groups of few sizes, the last key repeated."""
    start = 0
    while start < len(keys):
        left = len(keys) - start
        size = next((size for size in _LOOKUP_SIZES if size >= left), _LOOKUP_SIZES[-1])
        group = tuple(keys[start : start + size])
        group += (group[-1],) * (size - len(group))
        yield from connection.exec_driver_sql(statement.format(",".join("?" * size)), group)
        start += size
