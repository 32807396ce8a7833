"""Processes are killed at random moments: what was answered for is in the log, once.

A few kills here; `make test-crash` sets EMAILOPENS_CRASH_KILLS to 100.
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixel_service.journal import Journals
from pixel_service.notification import number_open
from pixel_service.open_log import OpenLog, connect, migrate
from pixel_service.statistics import COUNTING_RULES
from tests.fixtures.postgres import running_postgres
from tests.pixel.journal.disks import until
from tests.pixel.open_log.log_values import LogHome, read_all
from tests.pixel.recording.kept_values import recording

KILLS = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "4"))
ROOT = Path(__file__).parents[2]
PROCESSES = 2


class Keeping:
    """A process that keeps opens, and what it has answered for."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.answered: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            # The kill may have cut the last line.
            if line.endswith(b"\n"):
                self.answered.append(line.decode().strip())

    async def wait_for_answers(self, count: int) -> None:
        """Return once the process has answered for *count* opens more."""
        goal = len(self.answered) + count
        while len(self.answered) < goal:
            assert self.process.returncode is None
            await asyncio.sleep(0.001)

    async def kill(self) -> list[str]:
        """End the process as a crash does; return what it has answered for, in its order."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self._reading
        return self.answered


async def start(journals: Path, name: str) -> Keeping:
    return Keeping(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.pixel.journal.journal_process",
            str(journals),
            name,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
    )


@contextlib.asynccontextmanager
async def keeping_processes(
    journals: Path, count: int
) -> AsyncIterator[tuple[list[Keeping], list[list[str]]]]:
    """Run *count* processes; collect what each that ever ran has answered for."""
    everything: list[list[str]] = []
    processes = [await start(journals, chr(ord("A") + index)) for index in range(count)]
    try:
        yield processes, everything
    finally:
        everything += [await process.kill() for process in processes]


def open_id_of(notification: bytes) -> str:
    found = re.search(rb"([A-Za-z]\d{21}):0", notification)
    assert found is not None
    return found[1].decode()


async def recorded(log: OpenLog, journals: Path) -> list[str]:
    """Return the IDs of everything in the log, in its order, once the journals are empty."""
    async with recording(log, Journals(journals)):
        await until(lambda: not Journals(journals).found())
    return [open_id_of(entry.notification) for entry in await read_all(log)]


def assert_each_once_and_in_order(answered: list[list[str]], there: list[str]) -> None:
    place = {open_id: index for index, open_id in enumerate(there)}
    assert len(there) == len(place)
    for each in answered:
        assert set(each) - set(there) == set()
        # Within a process as it was answered; fetches of one batch as they came.
        assert sorted(each, key=place.__getitem__) == sorted(each)


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_killing_any_process_loses_nothing(log_home: LogHome, tmp_path: Path) -> None:
    """Whichever process dies, one that keeps or the one that records, each open is there once."""
    journals = tmp_path / "journal"
    chance = random.Random(5)  # noqa: S311 - not for secrets
    names = iter("CDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" * 3)
    async with keeping_processes(journals, PROCESSES) as (processes, answered):
        for _ in range(KILLS):
            victim = chance.randrange(PROCESSES)
            # What records is cut off in the middle of whatever it does.
            async with log_home.connect() as log, recording(log, Journals(journals)):
                for process in processes:
                    await process.wait_for_answers(chance.randrange(1, 200))
            answered.append(await processes[victim].kill())
            processes[victim] = await start(journals, next(names))
        for process in processes:
            await process.wait_for_answers(50)

    assert sum(map(len, answered)) > 100 * KILLS
    async with log_home.connect() as log:
        assert_each_once_and_in_order(answered, await recorded(log, journals))


@pytest.mark.timeout(60 + 20 * KILLS)
async def test_killing_postgres_loses_nothing(tmp_path: Path) -> None:
    """While the database is killed and comes back, opens are answered for and arrive once."""
    journals = tmp_path / "journal"
    chance = random.Random(6)  # noqa: S311 - not for secrets
    with running_postgres() as server:
        url = server.url_of(await server.create_database())
        await migrate(url)
        async with (
            keeping_processes(journals, 1) as ((process,), answered),
            connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log,
            recording(log, Journals(journals)) as recorder,
        ):
            for _ in range(max(1, KILLS // 2)):
                before = recorder.health.recorded
                await process.wait_for_answers(chance.randrange(50, 500))
                await until(lambda: recorder.health.recorded > before)  # noqa: B023 - awaited here
                await asyncio.to_thread(server.kill)
                await process.wait_for_answers(100)
                await asyncio.to_thread(server.start)
                await process.wait_for_answers(100)

        async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
            assert_each_once_and_in_order(answered, await recorded(log, journals))
