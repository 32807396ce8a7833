"""Processes are killed at random moments: what was answered for is in the log, once.

A few kills here; `make test-crash` sets EMAILOPENS_CRASH_KILLS to 50.
"""

import asyncio
import contextlib
import datetime as dt
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixel_service.notification import number_open
from pixel_service.open_log import OpenLog, connect, migrate
from pixel_service.recording.recorder import Recorder
from pixel_service.recording.spool import open_spool
from tests.fixtures.postgres import running_postgres
from tests.pixel.open_log.log_values import LogHome, event_ids, read_all

KILLS = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "4"))
ROOT = Path(__file__).parents[2]
PROCESSES = 2


class Recording:
    """A process that records, and what it has answered for."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.answered: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            # The kill may have cut the last line.
            if line.endswith(b":0\n"):
                self.answered.append(line.decode().strip())

    async def wait_for_answers(self, count: int) -> None:
        """Return once the process has answered for *count* opens more."""
        goal = len(self.answered) + count
        while len(self.answered) < goal:
            assert self.process.returncode is None
            await asyncio.sleep(0.001)

    async def kill(self) -> None:
        """End the process as a crash does; take in what it has still said."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self._reading


@contextlib.asynccontextmanager
async def recording_processes(
    url: str, spool: Path, count: int
) -> AsyncIterator[tuple[list[Recording], list[str]]]:
    """Run *count* recording processes; collect everything that was ever answered for."""
    everything: list[str] = []
    processes = [await start(url, spool, index) for index in range(count)]
    try:
        yield processes, everything
    finally:
        for process in processes:
            await process.kill()
            everything += process.answered


async def start(url: str, spool: Path, index: int) -> Recording:
    return Recording(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.pixel.recording.recording_process",
            url,
            str(spool),
            f"p{index}",
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
    )


async def drained(log: OpenLog, spool: Path) -> list[str]:
    """Bring what the spool still has into the log; return all event IDs there, in order."""
    with open_spool(spool) as own:
        recorder = Recorder(log, own, bound=dt.timedelta(seconds=5))
        async with recorder.running():
            while recorder.health.spooled_octets:  # noqa: ASYNC110 - health is all that tells
                await asyncio.sleep(0.01)
    return event_ids(await read_all(log))


def assert_each_once(answered: list[str], there: list[str]) -> None:
    assert len(there) == len(set(there))
    assert set(answered) - set(there) == set()


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_killing_recording_processes_loses_nothing(log_home: LogHome, tmp_path: Path) -> None:
    """Whichever process dies, the writing one or another, each answered open is there once."""
    spool = tmp_path / "spool"
    chance = random.Random(5)  # noqa: S311 - not for secrets
    async with recording_processes(log_home.url, spool, PROCESSES) as (processes, answered):
        for _ in range(KILLS):
            victim = chance.randrange(PROCESSES)
            for process in processes:
                await process.wait_for_answers(chance.randrange(1, 200))
            await processes[victim].kill()
            answered.extend(processes[victim].answered)
            processes[victim] = await start(log_home.url, spool, victim)
        for process in processes:
            await process.wait_for_answers(50)

    assert len(answered) > 100 * KILLS
    async with log_home.connect() as log:
        assert_each_once(answered, await drained(log, spool))


@pytest.mark.timeout(60 + 20 * KILLS)
async def test_killing_postgres_loses_nothing(tmp_path: Path) -> None:
    """While the database is killed and comes back, opens are answered for and arrive once."""
    spool = tmp_path / "spool"
    chance = random.Random(6)  # noqa: S311 - not for secrets
    with running_postgres() as server:
        url = server.url_of(await server.create_database())
        await migrate(url)
        async with recording_processes(url, spool, 1) as ((process,), answered):
            for _ in range(max(1, KILLS // 2)):
                await process.wait_for_answers(chance.randrange(50, 500))
                await asyncio.to_thread(server.kill)
                await process.wait_for_answers(100)
                await asyncio.to_thread(server.start)
                await process.wait_for_answers(100)

        async with connect(url, number_open=number_open) as log:
            assert_each_once(answered, await drained(log, spool))
