"""What SQLite, its driver and the way to the file raise, and what callers get instead."""

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from pixel_service.errors import LogDamaged, LogRefused, LogUnavailable
from service_runtime.outage import Outage

# SQLAlchemy passes on what the driver's own cursor and a connection's first statements
# raise, so the driver's errors are here, too.
FAILURES: Final = (sa.exc.SQLAlchemyError, sqlite3.Error, OSError)

# Primary result codes (https://sqlite.org/rescode.html): a page that makes no sense, and
# a file that is no database.
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE: Final = 0xFF

# The driver's own, without a code: a text on a damaged page.
_NO_TEXT: Final = "Could not decode to UTF-8"

# About what was written: a constraint, a value that is too large.
_REFUSALS: Final = (sqlite3.IntegrityError, sqlite3.DataError)

# The log is read every five seconds at least, and canaries are written as often.
_SETTLED_SECONDS: Final = 10.0


class Failures:
    """Turns what the database raises into what a caller may see, and logs it.  Of one thread."""

    def __init__(self, doing: str) -> None:
        """Say that it failed while it was *doing* something, such as `reading`."""
        self._doing = doing
        self._outage = Outage(
            "log's database failed",
            "log's database works again",
            settled_seconds=_SETTLED_SECONDS,
        )

    @contextlib.contextmanager
    def as_unavailable(self) -> Iterator[None]:
        """Turn what the block raises.

        Raises:
            LogDamaged: the file has octets that cannot be a log's.
            LogRefused: it does not take what was written.
            LogUnavailable: anything else.
        """
        try:
            yield
        except FAILURES as error:
            raise self.visible(error) from error
        else:
            self.worked()

    def worked(self) -> None:
        """Note that the database works."""
        self._outage.worked()

    def visible(self, error: Exception) -> Exception:
        """Return what the caller gets for *error*, as it is if it is not SQLite's."""
        if not isinstance(error, FAILURES):
            return error
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        visible = _visible(cause)
        name = getattr(cause, "sqlite_errorname", None)
        # One that refuses works; whoever has written says what was refused.
        if not isinstance(visible, LogRefused):
            self._outage.failed(
                doing=self._doing,
                cause=type(cause).__name__,
                sqlite_error=name,
                # Never the statement's parameters, nor what a page holds: personal data.
                # SQLite's own sentences name tables and columns, the driver's quote what
                # is in them.
                text=str(cause) if name is not None else None,
            )
        return visible


@contextlib.contextmanager
def failures_as_unavailable() -> Iterator[None]:
    """Do the same and log nothing, for whoever says what happened.

    Raises:
        LogDamaged, LogUnavailable: the database failed.
    """
    try:
        yield
    except FAILURES as error:
        raise _visible(error.orig if isinstance(error, sa.exc.DBAPIError) else error) from error


def _visible(cause: BaseException | None) -> LogUnavailable:
    if _is_damage(cause):
        return LogDamaged()
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return LogUnavailable("the log's disk is full")
    name = getattr(cause, "sqlite_errorname", None)
    if name is None:
        return LogUnavailable()
    kind = LogRefused if isinstance(cause, _REFUSALS) else LogUnavailable
    return kind(f"the log's database failed: {name}")


def _is_damage(cause: BaseException | None) -> bool:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return isinstance(cause, sqlite3.Error) and str(cause).startswith(_NO_TEXT)
    return code & _PRIMARY_CODE in _DAMAGE
