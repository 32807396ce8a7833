"""Pages of an SQLite log, up to a hole if there is one."""

from collections.abc import Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from pixel_service.errors import CursorAhead, CursorExpired, LogHole
from pixel_service.open_log.cursor import encode_cursor
from pixel_service.open_log.earlier import EarlierEntries
from pixel_service.open_log.numbering import Suffixes
from pixel_service.open_log.sqlite import reading
from pixel_service.open_log.values import (
    MAX_PAGE_ENTRIES,
    LogIdentity,
    Notifications,
    Page,
    Position,
)
from service_runtime.times import time_of

Answer = TypeVar("Answer")


class Pages:
    """Reads pages, on whichever connection."""

    def __init__(self, identity: LogIdentity, suffixes: Suffixes) -> None:
        self._identity = identity
        self._suffixes = suffixes

    def entries(
        self, connection: sa.Connection, *, after: Position, max_entries: int, max_octets: int
    ) -> Page:
        """Return a page of entries."""
        rows, at_head = self._rows(
            connection,
            reading.ENTRIES,
            after=after,
            max_entries=max_entries,
            max_octets=max_octets,
        )
        entries = reading.to_entries(rows, self._suffixes)
        return Page(entries=entries, after=_end_of(rows, after), at_head=at_head)

    def notifications(
        self, connection: sa.Connection, *, after: Position, max_entries: int, max_octets: int
    ) -> Notifications:
        """Return a page of notifications."""
        rows, at_head = self._rows(
            connection,
            reading.NOTIFICATIONS,
            after=after,
            max_entries=max_entries,
            max_octets=max_octets,
        )
        octets = reading.to_notifications(rows, self._suffixes)
        return Notifications(octets=octets, after=_end_of(rows, after), at_head=at_head)

    def _rows(
        self,
        connection: sa.Connection,
        statement: str,
        *,
        after: Position,
        max_entries: int,
        max_octets: int,
    ) -> tuple[Sequence[tuple[Any, ...]], bool]:
        """Return the rows that follow *after*, and whether they are all."""
        limit = max(1, min(max_entries, MAX_PAGE_ENTRIES))
        found, has_more = reading.rows_after(
            connection, statement, after.sequence, limit=limit, max_octets=max_octets
        )
        rows = self._up_to_a_hole(connection, after.sequence, found)
        return rows, not has_more and len(rows) == len(found)

    def earlier(
        self, connection: sa.Connection, *, up_to: Position, max_entries: int
    ) -> EarlierEntries:
        """Return the entries up to *up_to*, the latest first."""
        if up_to.sequence > (last := reading.ends(connection)[1]):
            raise CursorAhead(head_cursor=self._cursor(last))
        limit = max(1, min(max_entries, MAX_PAGE_ENTRIES))
        return reading.earlier_entries(connection, up_to, limit, self._suffixes)

    def _up_to_a_hole(
        self, connection: sa.Connection, after: int, rows: list[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """Return *rows*, which must follow *after*; those before a hole, if there is one."""
        if not rows or rows[0][0] != after + 1:
            self.refuse(connection, after)
            if rows:
                raise LogHole(cursor=self._cursor(after))
        elif rows[-1][0] != after + len(rows):
            # The next page begins at the hole and says so.
            return [row for index, row in enumerate(rows, after + 1) if row[0] == index]
        return rows

    def refuse(self, connection: sa.Connection, after: int) -> None:
        """Raise what is wrong with the position *after*, if anything."""
        trimmed, last = reading.ends(connection)
        if after < trimmed:
            first_us, _ = reading.end_times(connection)
            raise CursorExpired(
                earliest_cursor=self._cursor(trimmed),
                earliest_time=None if first_us is None else time_of(first_us),
            )
        if after > last:
            raise CursorAhead(head_cursor=self._cursor(last))

    def _cursor(self, sequence: int) -> str:
        return encode_cursor(Position(0, sequence), self._identity)


def _end_of(rows: Sequence[tuple[Any, ...]], after: Position) -> Position:
    return Position(0, rows[-1][0]) if rows else after
