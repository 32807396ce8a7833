"""Opens a log by its URL."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import sqlalchemy as sa

from pixel_service.openlog.numbering import DEFAULT_BURST_WINDOW
from pixel_service.openlog.protocol import OpenLog


class LogUrlInvalid(ValueError):
    """The URL names no log that there is an implementation for."""


@contextlib.asynccontextmanager
async def connect(
    url: str,
    *,
    number_open: Callable[[int, int], bytes],
    burst_window: dt.timedelta = DEFAULT_BURST_WINDOW,
) -> AsyncIterator[OpenLog]:
    """Open the log at *url* for the time of the block.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path` or
            `postgresql+asyncpg://user@host/database`.
        number_open: Returns the octets that complete a notification whose open number
            and burst are given.  Called with (0, 0) if they are not known.
        burst_window: For how long fetches of one message from one source are one burst.

    Raises:
        LogUrlInvalid: the URL cannot be used.
        LogSchemaOld: the tables must be migrated first (never on SQLite, which
            migrates itself), or are newer than this program.
        LogUnavailable: the storage does not answer.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise LogUrlInvalid("the log's URL is malformed") from error
    # Only what is used is imported: asyncpg is an extra.
    if parsed.get_backend_name() == "sqlite":
        from pixel_service.openlog.sqlite_connecting import connect_sqlite  # noqa: PLC0415

        if not parsed.database or parsed.database == ":memory:":
            raise LogUrlInvalid("the log's URL must name a file: sqlite:///path")
        async with connect_sqlite(
            Path(parsed.database), number_open=number_open, burst_window=burst_window
        ) as log:
            yield log
        return
    raise LogUrlInvalid(f"there is no log on {parsed.get_backend_name()}")
