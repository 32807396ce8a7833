"""The log process hangs, is killed, or its disk fails, under load: nobody is kept waiting.

Once or twice here; `make test-crash` does it again and again.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixel_service.server import Addresses
from service_runtime.key_ring import write_key_ring
from tests.pixel import test_workers
from tests.pixel.recording.test_outage import (
    Load,
    addresses_of,
    streamed,
    until_answered,
    until_told,
)
from tests.pixel.test_full_disk import until_said
from tests.pixel.test_service import RING, until_recorded
from tests.pixel.test_workers import Service, log_process_of

ROOT = Path(__file__).parents[3]

# A process that dies young is replaced after a wait that grows, up to 5 s.
ROUNDS = max(2, int(os.environ.get("EMAILOPENS_CRASH_KILLS", "1")) // 4)


async def next_log_process(supervisor: int, *, after: int | None) -> int:
    """Return the PID of the log process that has come after the one with the PID *after*."""
    while True:
        # There may be none now, and one that ends may go while it is looked at.
        with contextlib.suppress(ValueError, OSError):
            found = log_process_of(supervisor)
            if found != after:
                return found
        await asyncio.sleep(0.02)


@pytest.mark.timeout(60 + 20 * ROUNDS)
async def test_log_process_that_hangs_and_is_killed_again_and_again_is_not_felt(
    tmp_path: Path,
) -> None:
    """No fetch fails, and every open is streamed once afterwards, each client's in its order."""
    service = Service(tmp_path)
    log = None
    async with service.running() as supervisor:
        load = Load(address=service.http, ring=test_workers.RING)
        async with load.running():
            for _ in range(ROUNDS):
                log = await next_log_process(supervisor.pid, after=log)
                await load.go_on(50)
                os.kill(log, signal.SIGSTOP)
                await load.go_on(300)
                # On a machine that is very busy another one may have taken its place by now.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(log, signal.SIGKILL)
                await load.go_on(50)
            await service.until_ready()
        there = await service.streamed(wanted=[each for one in load.answered for each in one])

    load.assert_each_once_and_in_order(there)


@contextlib.asynccontextmanager
async def on_breaking_disk(
    data: Path, *, program: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Addresses]]:
    """Run a service whose disk is broken between SIGUSR1 and SIGUSR2, as *program* says."""
    (http, admin), settings = addresses_of(data, f"sqlite:///{data}/opens.db")
    write_key_ring(data / "token_keys", RING)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        "serve",
        "--workers=0",
        f"--data={data}",
        f"--http={http}",
        f"--grpc={settings.grpc}",
        f"--admin={admin}",
        cwd=ROOT,
    )
    try:
        await until_answered(http, admin, settings.grpc)
        yield process, Addresses(http=http, grpc=settings.grpc, admin=admin)
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.timeout(60 + 20 * ROUNDS)
async def test_disk_that_cannot_be_read_for_a_while_silences_no_stream(tmp_path: Path) -> None:
    """Operators are told meanwhile, no fetch fails, and streams have everything afterwards."""
    program = "tests.pixel.recording.breaking_disk_process"
    async with on_breaking_disk(tmp_path, program=program) as (process, addresses):
        load = Load(address=addresses.http)
        async with load.running():
            for _ in range(ROUNDS // 2):
                await load.go_on(50)
                process.send_signal(signal.SIGUSR1)
                assert await until_told(addresses, "opens can be streamed: no") == 200
                await load.go_on(100)
                process.send_signal(signal.SIGUSR2)
                await until_told(addresses, "opens are recorded: yes")
                await until_told(addresses, "opens can be streamed: yes")
        await until_recorded(addresses)
        there = await streamed(addresses)

    load.assert_each_once_and_in_order(there)


async def test_disk_that_cannot_be_synced_for_a_while_costs_no_open(tmp_path: Path) -> None:
    """Operators are told meanwhile, no fetch fails, and what was held is streamed afterwards."""
    program = "tests.pixel.journal.unsynced_disk_process"
    async with on_breaking_disk(tmp_path, program=program) as (process, addresses):
        load = Load(address=addresses.http)
        async with load.running():
            await load.go_on(50)
            process.send_signal(signal.SIGUSR1)
            assert await until_told(addresses, "opens are durable: no") == 503
            await load.go_on(100)
            process.send_signal(signal.SIGUSR2)
            assert await until_told(addresses, "opens are durable: yes") == 200
            await load.go_on(50)
        await until_recorded(addresses)
        there = await streamed(addresses)

    load.assert_each_once_and_in_order(there)


async def test_log_that_is_broken_at_the_start_keeps_no_pixel(tmp_path: Path) -> None:
    """Operators are told why, in one line; with another log in its place everything is streamed."""
    log = tmp_path / "opens.db"
    log.write_bytes(b"this is no log " * 1_000)
    service = Service(tmp_path, workers=1)
    async with service.running(is_ready=False, log=asyncio.subprocess.PIPE) as supervisor:
        at_endpoint, at_log = service.admins
        await service.ask(at_endpoint)
        assert await service.fetch("m")
        reason = "opens are recorded: no (the log's storage is damaged)"
        assert await until_said(at_log, reason) == 503
        log.unlink()
        there = await service.streamed(wanted=["m"])
        supervisor.terminate()
        _, said = await supervisor.communicate()

    assert there == ["m"]
    assert said.count(b"log cannot be opened") == 1
    assert b"Traceback" not in said
