"""SQLite connections, as the log needs them."""

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

# Readers at once, each a thread with a connection.  More do not help: pages come
# from the operating system's cache, and Python runs one thread at a time.
READERS: Final = 4

# Nobody waits on the one writer's lock for long; what does is a checkpoint or a
# recovery after a crash.
_BUSY_MILLISECONDS: Final = 5_000

_WRITER_PRAGMAS: Final = (
    # So that trimming can give space back.  Before anything that writes: in a file that
    # has been begun this changes nothing.
    "auto_vacuum = INCREMENTAL",
    "journal_mode = WAL",
    # Every commit is synced, not only checkpoints: an open whose pixel was served
    # must survive power loss.
    "synchronous = FULL",
    f"busy_timeout = {_BUSY_MILLISECONDS}",
    # 32 MiB, so that the unique index's and the counts' inner pages stay.
    "cache_size = -32768",
)
_READER_PRAGMAS: Final = (f"busy_timeout = {_BUSY_MILLISECONDS}", "query_only = ON")


def writer_engine(path: Path) -> sa.Engine:
    """Return an engine for the one connection that writes.  Transactions start locked."""
    engine = _engine(path, _WRITER_PRAGMAS, connections=1)

    # Not the driver's own BEGIN, which takes the lock at the first write and may
    # then fail although nothing is wrong.
    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path) -> sa.Engine:
    """Return an engine for connections that read; each statement sees what is committed."""
    return _engine(path, _READER_PRAGMAS, connections=READERS)


def _engine(path: Path, pragmas: tuple[str, ...], *, connections: int) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        hide_parameters=True,  # errors are logged, and parameters are personal data
        poolclass=sa.QueuePool,
        pool_size=connections,
        max_overflow=0,
        # The pool hands a connection from thread to thread, never to two at once.
        connect_args={"isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connect(driver_connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's type
        for pragma in pragmas:
            driver_connection.execute(f"PRAGMA {pragma}")

    return engine
