"""Opens a log by its URL."""

import asyncio
import contextlib
import datetime as dt
import importlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_service.errors import LogUrlInvalid
from pixel_service.open_log.numbering import DEFAULT_BURST_WINDOW
from pixel_service.open_log.protocol import OpenLog
from pixel_service.open_log.statistics import CountingRules

if TYPE_CHECKING:
    import sqlalchemy as sa


@contextlib.asynccontextmanager
async def connect(
    url: str,
    *,
    number_open: Callable[[int, int], bytes],
    counting_rules: CountingRules,
    burst_window: dt.timedelta = DEFAULT_BURST_WINDOW,
) -> AsyncIterator[OpenLog]:
    """Open the log at *url* for the time of the block.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path` or
            `postgresql+asyncpg://user@host/database`.
        number_open: Returns the octets that complete a notification whose open number
            and burst are given.  Called with (0, 0) if they are not known.
        counting_rules: What opens mean to statistics.  The same for whoever opens the log.
        burst_window: For how long fetches of one message from one source are one burst.

    Raises:
        LogUrlInvalid: the URL cannot be used.
        LogSchemaOld: the tables must be migrated first (never on SQLite, which
            migrates itself), or are newer than this program.
        LogUnavailable: the storage does not answer.
    """
    parsed = _parse(url)
    # Only what is used is imported: asyncpg is an extra.
    if parsed.get_backend_name() == "sqlite":
        from pixel_service.open_log.sqlite.connecting import connect_sqlite  # noqa: PLC0415 - see above

        async with connect_sqlite(
            Path(str(parsed.database)),
            number_open=number_open,
            burst_window=burst_window,
            counting_rules=counting_rules,
        ) as log:
            yield log
    else:
        from pixel_service.open_log.postgres.connecting import connect_postgres  # noqa: PLC0415 - see above

        async with connect_postgres(
            parsed,
            number_open=number_open,
            burst_window=burst_window,
            counting_rules=counting_rules,
        ) as postgres_log:
            yield postgres_log


def check_url(url: str) -> None:
    """See that there is an implementation for the log at *url*, and its driver.

    Raises:
        LogUrlInvalid: there is none.
    """
    _parse(url)


async def migrate(url: str) -> None:
    """Create or migrate the tables of the log at *url*.

    On SQLite this does nothing: opening the log does it.

    Raises:
        LogUrlInvalid: the URL cannot be used.
        LogSchemaOld: the tables are newer than this program.
        LogUnavailable: the storage does not answer.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "postgresql":
        from pixel_service.open_log.postgres.connecting import migrate_postgres  # noqa: PLC0415 - asyncpg is an extra

        await migrate_postgres(parsed)


async def begin_epoch(url: str) -> int:
    """Begin a new epoch of the log at *url*, after it was restored; return its number.

    No service may have it open: it would go on making cursors of the old epoch.

    Raises:
        LogUrlInvalid: the URL cannot be used.
        LogSchemaOld: the tables must be migrated first, or are newer than this program.
        LogUnavailable: the storage does not answer, or (noticed on SQLite) is in use.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        from pixel_service.open_log.sqlite.connecting import begin_epoch_sqlite  # noqa: PLC0415 - as in `connect`

        return await asyncio.to_thread(begin_epoch_sqlite, Path(str(parsed.database)))
    from pixel_service.open_log.postgres.connecting import begin_epoch_postgres  # noqa: PLC0415 - asyncpg is an extra

    return await begin_epoch_postgres(parsed)


def _parse(url: str) -> "sa.URL":
    """Return *url* in its parts.

    Raises:
        LogUrlInvalid: there is no implementation for it.  The text never holds it,
            because it may have a password.
    """
    import sqlalchemy as sa  # noqa: PLC0415 - so that who only names values loads no database

    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise LogUrlInvalid("the log's URL is malformed") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise LogUrlInvalid("the log's URL must name a file: sqlite:///path")
        return parsed
    if backend == "postgresql":
        _require_driver()
        return parsed.set(drivername="postgresql+asyncpg")
    raise LogUrlInvalid("the log's URL must start with sqlite:/// or postgresql://")


def _require_driver() -> None:
    try:
        importlib.import_module("asyncpg")
    except ModuleNotFoundError:
        raise LogUrlInvalid(
            "postgresql needs asyncpg: pip install 'emailopens[postgres]'"
        ) from None
