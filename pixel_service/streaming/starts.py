"""Where reading starts: a cursor, a time, or one end of the log."""

import datetime as dt
import enum

from pixel_service.open_log import OpenLog, Position, decode_cursor


class NamedPosition(enum.Enum):
    """One end of the log."""

    EARLIEST = "earliest"
    LATEST = "latest"


# A text is a cursor.
Start = str | dt.datetime | NamedPosition


async def position_of(start: Start, open_log: OpenLog) -> Position:
    """Return the position that *start* means in *open_log*, which still has what follows it.

    Raises:
        CursorMalformed, CursorForeignLog, CursorExpired, CursorAhead: of a cursor.
    """
    match start:
        case str():
            position = decode_cursor(start, open_log.identity)
            await check(position, open_log)
            return position
        case dt.datetime():
            return await open_log.position_at(start)
        case NamedPosition.EARLIEST:
            return await open_log.earliest()
        case NamedPosition.LATEST:
            return await open_log.head()


async def check(position: Position, open_log: OpenLog) -> None:
    """Find out whether *open_log* still has what follows *position*.

    Raises:
        CursorExpired, CursorAhead: it has not.
    """
    await open_log.read(after=position, max_entries=1, max_octets=1)
