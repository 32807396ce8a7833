"""Files may not grow for a while, as on a full disk: pixels are answered, opens arrive afterwards.

The system's limit on the size of files does it here, for single processes and without
rights; `make test-disk` fills real file systems.
"""

import asyncio
import contextlib
import re
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

import aiohttp
import pytest

from pixel_service.journal import Journals
from tests.pixel.recording.test_outage import Load, ask
from tests.pixel.test_workers import RING, Service, children_of, log_process_of

_NOTHING = 0


@contextlib.contextmanager
def full_disk(pids: Iterable[int]) -> Iterator[None]:
    """Let the processes *pids* write nothing into any file for the time of the block."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_NOTHING, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


async def until_said(admin: str, text: str) -> int:
    """Wait until the readiness check at *admin* says *text*; return its status."""
    while True:
        with contextlib.suppress(aiohttp.ClientConnectionError):
            status, said = await ask(admin, "readyz")
            if text in said:
                return status
        await asyncio.sleep(0.02)


def segments_in(service: Service) -> int:
    return sum(len(each.segments()) for each in Journals(service.folder / "journal").found())


@pytest.mark.parametrize("victim", ["journal", "log", "both"])
async def test_full_disk_is_not_felt(tmp_path: Path, victim: str) -> None:
    """No fetch fails meanwhile, probes say what is full, and everything arrives afterwards."""
    service = Service(tmp_path, workers=1)
    async with service.running() as supervisor:
        log = log_process_of(supervisor.pid)
        (endpoint,) = set(children_of(supervisor.pid)) - {log}
        at_endpoint, at_log = service.admins
        load = Load(address=service.http, ring=RING)
        async with load.running():
            await load.go_on(50)
            with full_disk({"journal": [endpoint], "log": [log], "both": [endpoint, log]}[victim]):
                if victim != "log":
                    assert await until_said(at_endpoint, "opens are durable: no") == 503
                if victim == "log":
                    assert await until_said(at_log, "opens are recorded: no") == 503
                    assert await until_said(at_endpoint, "opens are durable: yes") == 200
                await load.go_on(500)
                segments = segments_in(service)
            await until_said(at_endpoint, "opens are durable: yes")
            await load.go_on(50)
        answered = [each for answered in load.answered for each in answered]
        there = await service.streamed(wanted=answered)

    load.assert_each_once_and_in_order(there)
    # However often writing has failed.
    assert segments <= 3


async def test_last_word_at_a_planned_end_is_exact(tmp_path: Path) -> None:
    """A process that ends while its disk is full says how many opens it takes along."""
    service = Service(tmp_path, workers=1)
    # Not into a file, which may not grow either.
    async with service.running(log=asyncio.subprocess.PIPE) as supervisor:
        log = log_process_of(supervisor.pid)
        load = Load(address=service.http, ring=RING)
        with full_disk(set(children_of(supervisor.pid)) - {log}):
            async with load.running():
                await load.go_on(300)
            supervisor.terminate()
            _, said = await supervisor.communicate()
    async with service.running():
        there = await service.streamed()

    lost = [int(each) for each in re.findall(rb"lost_opens=(\d+)", said)]
    answered = {each for answered in load.answered for each in answered}
    assert set(there) <= answered
    assert lost[-1:] == [len(answered) - len(there)]
