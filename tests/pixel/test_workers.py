"""Several workers share the ports, record in one log, and stream each other's opens."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens_client import LogEnd, OpenStream
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.pixel.service_values import a_token, seal

PROGRAM = Path(sys.executable).with_name("pixel-service")
RING = generate_key_ring()


class Service:
    """The service with two workers, as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with contextlib.ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(2)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            self.http, self.grpc = (f"127.0.0.1:{each.getsockname()[1]}" for each in probes)
        # The second worker's follows it: found by trying, as an operator would.
        self.admin = f"127.0.0.1:{two_free_ports()}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        write_key_ring(self.folder / "token_keys", RING, replace=True)
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "serve",
            "--workers=2",
            f"--data={self.folder}",
            f"--http={self.http}",
            f"--grpc={self.grpc}",
            f"--admin={self.admin}",
        )
        try:
            await self.until_ready()
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    async def until_ready(self) -> None:
        """Wait until both workers say that they are ready."""
        host, port = self.admin.split(":")
        for number in (int(port), int(port) + 1):
            await self.ask(f"{host}:{number}")

    async def ask(self, admin: str) -> None:
        async with aiohttp.ClientSession() as operator:
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with operator.get(f"http://{admin}/readyz") as response:
                        if response.status == 200:
                            return
                # There is nothing to wait for but the next attempt.
                await asyncio.sleep(0.05)

    async def fetch(self, message_id: str) -> bool:
        """Fetch a pixel over a connection of its own; return whether it was answered."""
        url = f"http://{self.http}/o/{seal(a_token(message_id), RING)}.gif"
        try:
            async with aiohttp.ClientSession() as browser, browser.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def streamed(self) -> list[str]:
        """Return the message IDs of everything recorded."""
        async with OpenStream(self.grpc, position=LogEnd.EARLIEST, stop_at_head=True) as opens:
            return [each.mail.message_id async for each in opens]


def two_free_ports() -> int:
    """Return a free port whose successor is free, too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return int(port)


def children_of(pid: int) -> list[int]:
    """Return the PIDs of the workers of the process *pid*."""
    found = []
    for path in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{path}/cmdline").read_bytes()
        if b"spawn_main" in command:
            found.append(int(path))
    return found


async def test_opens_of_every_worker_are_streamed_by_every_worker(tmp_path: Path) -> None:
    """Connections spread over the workers; each stream has all opens, in one order."""
    service = Service(tmp_path)
    async with service.running():
        for number in range(20):
            assert await service.fetch(f"m{number}")
        # Channels of their own, which the system spreads over the workers.
        orders = [await service.streamed() for _ in range(6)]

    assert all(order == orders[0] for order in orders)
    assert sorted(orders[0]) == sorted(f"m{number}" for number in range(20))


async def test_killed_worker_is_replaced_and_no_answered_open_is_lost(tmp_path: Path) -> None:
    """What was answered is there, once."""
    service = Service(tmp_path)
    answered = []
    async with service.running() as process:
        for round_ in range(2):
            victim = children_of(process.pid)[round_]
            for number in range(10):
                if await service.fetch(f"m{round_}-{number}"):
                    answered.append(f"m{round_}-{number}")
                if number == 5:
                    os.kill(victim, signal.SIGKILL)
            await service.until_ready()
            assert victim not in children_of(process.pid)
            assert await service.fetch(f"after-{round_}")
            answered.append(f"after-{round_}")
        found = await service.streamed()

    assert set(answered) <= set(found)
    assert len(found) == len(set(found))


async def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """A parent that is killed leaves nobody behind that holds the ports.

    It wrote the log: what was answered is there all the same, and what the workers
    answered until they ended.
    """
    service = Service(tmp_path)
    answered = []
    async with service.running() as process:
        workers = children_of(process.pid)
        for number in range(10):
            if await service.fetch(f"m{number}"):
                answered.append(f"m{number}")
            if number == 5:
                process.kill()
        await process.wait()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(worker)
                ended = asyncio.Event()
                asyncio.get_running_loop().add_reader(pidfd, ended.set)
                await ended.wait()
                asyncio.get_running_loop().remove_reader(pidfd)
                os.close(pidfd)

        assert not await service.fetch("m")
    async with service.running():
        found = await service.streamed()

    assert len(answered) >= 6
    assert set(answered) <= set(found)
    assert len(found) == len(set(found))


async def test_live_stream_hears_of_the_other_worker(tmp_path: Path) -> None:
    """Opens that any worker records arrive on a stream that is already running."""
    service = Service(tmp_path)
    async with service.running(), grpc.aio.insecure_channel(service.grpc) as channel:
        call = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(position=pb.POSITION_LATEST)
        )
        await call.read()
        for number in range(12):
            assert await service.fetch(f"m{number}")
        found: list[str] = []
        while len(found) < 12:
            response = await call.read()
            assert isinstance(response, pb.StreamOpensResponse)
            found += [each.mail.message_id for each in response.batch.notifications]

    assert found == [f"m{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (["--http=127.0.0.1:0"], "several workers share their ports"),
        (["--http={taken}"], "cannot listen at {taken}: Address already in use"),
    ],
)
async def test_wrong_ports_are_one_clear_line(
    options: list[str], pattern: str, tmp_path: Path
) -> None:
    """Before any worker is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "serve",
            "--workers=2",
            f"--data={tmp_path}",
            *(option.format(taken=address) for option in options),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()

    assert process.returncode == 1
    expected = re.escape(pattern.format(taken=address))
    assert re.fullmatch(rf"pixel-service: .*{expected}.*\n", said.decode())
