"""The log's tables: which version they are of, and how they become the newest."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from pixel_service.errors import LogSchemaOld
from pixel_service.open_log.sql import tables
from pixel_service.open_log.values import LogIdentity
from service_runtime.schema import Schema, SchemaTooNew

# Not Alembic's default name, so that the log may share a database.
VERSION_TABLE: Final = "open_log_version"

# Newest step under migrations/versions.  A test holds the two together; reading
# them at each start would take longer than everything else a start does.
NEWEST: Final = "0008"

_SCHEMA: Final = Schema(
    version_table=VERSION_TABLE,
    newest=NEWEST,
    steps=Path(__file__).parent / "migrations/versions",
)


def migrate(connection: sa.Connection) -> None:
    """Bring the tables to the newest version; do nothing if they are.

    Raises:
        LogSchemaOld: the tables are newer than this program, or are somebody else's.
    """
    if _SCHEMA.version_of(connection) is None:
        _refuse_foreign_tables(connection)
    try:
        _SCHEMA.upgrade(connection)
    except SchemaTooNew as error:
        raise LogSchemaOld(f"the log {error}") from error


def check(connection: sa.Connection) -> None:
    """Refuse tables of another version.

    Raises:
        LogSchemaOld: with one sentence that says what to do.
    """
    try:
        is_newest = _SCHEMA.is_newest(connection)
    except SchemaTooNew as error:
        raise LogSchemaOld(f"the log {error}") from error
    if not is_newest:
        version = _SCHEMA.version_of(connection)
        found = "has no tables yet" if version is None else f"has tables of version {version}"
        raise LogSchemaOld(f"the log {found}, not {NEWEST}: run `pixel-service log migrate` first")


def identity_of(connection: sa.Connection) -> LogIdentity:
    """Return what the cursors of this log are made with."""
    row = connection.execute(sa.select(tables.open_log)).one()
    return LogIdentity(log_id=row.log_id, epoch=row.epoch, cursor_key=row.cursor_key)


def begin_epoch(connection: sa.Connection) -> int:
    """Begin a new epoch of the log inside the caller's transaction; return its number.

    After a backup is restored, the log is shorter than its clients remember, and gives
    their positions to other opens as it grows.  A cursor from before would then pass over
    opens that its client has never seen, so cursors of an older epoch are those of
    another log.  Subscriptions go on where the log says they were; their sessions end.
    """
    connection.exec_driver_sql(
        "UPDATE open_subscriptions SET session_token = '', stream_owner = ''"
    )
    connection.exec_driver_sql("UPDATE open_webhooks SET lease_owner = '', revision = revision + 1")
    connection.exec_driver_sql("UPDATE open_log SET epoch = epoch + 1")
    return int(connection.exec_driver_sql("SELECT epoch FROM open_log").scalar_one())


def newest_step() -> str | None:
    """Return the newest step that there is a file for."""
    return _SCHEMA.newest_step()


def _refuse_foreign_tables(connection: sa.Connection) -> None:
    taken = set(sa.inspect(connection).get_table_names()) & set(tables.metadata.tables)
    if taken:
        raise LogSchemaOld(
            f"the database has tables that are not of a log: {', '.join(sorted(taken))}; "
            "give the log a database of its own"
        )
