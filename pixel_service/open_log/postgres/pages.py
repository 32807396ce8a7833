"""Pages of a log on PostgreSQL, and its two ends."""

from typing import Any

from pixel_service.errors import CursorAhead, CursorExpired
from pixel_service.open_log.cursor import encode_cursor
from pixel_service.open_log.earlier import EarlierEntries
from pixel_service.open_log.numbering import Suffixes
from pixel_service.open_log.postgres import statements
from pixel_service.open_log.postgres.pool import Pool
from pixel_service.open_log.postgres.rows import to_entries
from pixel_service.open_log.values import MAX_PAGE_ENTRIES, LogIdentity, Page, Position
from service_runtime.times import time_of


class Pages:
    """Reads pages, each on a connection of its own."""

    def __init__(self, identity: LogIdentity, pool: Pool, suffixes: Suffixes) -> None:
        self._identity = identity
        self._pool = pool
        self._suffixes = suffixes

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """Return the rows of one statement."""
        async with self._pool.driver_connection() as connection:
            return list(await connection.fetch(statement, *arguments))

    async def entries(self, *, after: Position, max_entries: int, max_octets: int) -> Page:
        """Return a page of entries."""
        limit = max(1, min(max_entries, MAX_PAGE_ENTRIES))
        rows = await self.fetch(statements.ENTRIES, *after, limit)
        if after < (trimmed := Position(rows[0][8], rows[0][9])):
            raise await self._expired(trimmed)
        if rows[0][0] is None:
            await self._refuse_beyond(after)
            return Page(entries=[], after=after, at_head=True)
        page = Page(
            entries=to_entries(rows, self._suffixes),
            after=Position(rows[-1][0], rows[-1][1]),
            at_head=len(rows) < limit,
        )
        return page.within(max_octets)

    async def earlier(self, *, up_to: Position, max_entries: int) -> EarlierEntries:
        """Return the entries up to *up_to*, the latest first."""
        await self._refuse_beyond(up_to)
        limit = max(1, min(max_entries, MAX_PAGE_ENTRIES))
        rows = await self.fetch(statements.EARLIER_ENTRIES, *up_to, limit)
        return EarlierEntries(
            entries=to_entries(rows, self._suffixes),
            before=Position(rows[-1][0], rows[-1][1] - 1) if rows else up_to,
            examined=len(rows),
            at_beginning=len(rows) < limit,
        )

    async def ends(self) -> tuple[Position, Position]:
        """Return the positions of the last open that was trimmed and of the last visible one."""
        row = (await self.fetch(statements.ENDS))[0]
        trimmed = Position(row[0], row[1])
        return trimmed, trimmed if row[2] is None else Position(row[2], row[3])

    async def refuse(self, after: Position) -> None:
        """Raise what is wrong with the position *after*, if anything."""
        trimmed, head = await self.ends()
        if after < trimmed:
            raise await self._expired(trimmed)
        self._refuse_after_head(after, head)

    async def _refuse_beyond(self, after: Position) -> None:
        _, head = await self.ends()
        self._refuse_after_head(after, head)

    def _refuse_after_head(self, after: Position, head: Position) -> None:
        if after > head:
            raise CursorAhead(head_cursor=encode_cursor(head, self._identity))

    async def _expired(self, trimmed: Position) -> CursorExpired:
        first_us, _ = (await self.fetch(statements.END_TIMES))[0]
        return CursorExpired(
            earliest_cursor=encode_cursor(trimmed, self._identity),
            earliest_time=None if first_us is None else time_of(first_us),
        )
