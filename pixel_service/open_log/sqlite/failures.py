"""What SQLite, its driver and the way to the file raise, and what callers get instead."""

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
import structlog

from pixel_service.errors import LogDamaged, LogUnavailable

# SQLAlchemy passes on what the driver's own cursor and a connection's first statements
# raise, so the driver's errors are here, too.
FAILURES: Final = (sa.exc.SQLAlchemyError, sqlite3.Error, OSError)

# Primary result codes (https://sqlite.org/rescode.html): a page that makes no sense, and
# a file that is no database.
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE: Final = 0xFF

# The driver's own, without a code: a text on a damaged page.
_NO_TEXT: Final = "Could not decode to UTF-8"

logger = structlog.get_logger()


@contextlib.contextmanager
def failures_as_unavailable(doing: str) -> Iterator[None]:
    """Turn what the database raises in the block into what a caller may see.

    Args:
        doing: what failed then, such as `reading`.

    Raises:
        LogDamaged: the file has octets that cannot be a log's.
        LogUnavailable: anything else.
    """
    try:
        yield
    except FAILURES as error:
        raise visible(error, doing) from error


def visible(error: Exception, doing: str) -> Exception:
    """Return what the caller gets for *error*, which is logged; as it is if it is not SQLite's."""
    if not isinstance(error, FAILURES):
        return error
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    name = getattr(cause, "sqlite_errorname", None)
    logger.error(
        "log's database failed",
        doing=doing,
        cause=type(cause).__name__,
        sqlite_error=name,
        # Never the statement's parameters, nor what a page holds: personal data.  SQLite's
        # own sentences name tables and columns, the driver's quote their contents.
        text=str(cause) if name is not None else None,
    )
    if _is_damage(cause):
        return LogDamaged()
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return LogUnavailable("the log's disk is full")
    return (
        LogUnavailable() if name is None else LogUnavailable(f"the log's database failed: {name}")
    )


def _is_damage(cause: BaseException | None) -> bool:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return isinstance(cause, sqlite3.Error) and str(cause).startswith(_NO_TEXT)
    return code & _PRIMARY_CODE in _DAMAGE
