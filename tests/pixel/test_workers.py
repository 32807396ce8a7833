"""The service in several processes: one may die, or be replaced, and nobody notices."""

import asyncio
import contextlib
import datetime as dt
import itertools
import os
import re
import signal
import socket
import ssl
import stat
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens_client import LogEnd, OpenStream
from examples.pair import HOST, free_ports
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.fixtures.certificates import Authority
from tests.pixel.service_values import a_token, seal

PROGRAM = Path(sys.executable).with_name("pixel-service")
RING = generate_key_ring()

# Two that serve pixels, and the one that records and streams.
PROCESSES = 3


class Service:
    """The service with endpoint processes, two if not told otherwise, and its log process."""

    def __init__(self, folder: Path, *, workers: int = PROCESSES - 1) -> None:
        self.folder = folder
        self.workers = workers
        self.http, self.grpc = (f"{HOST}:{free_ports(1)}" for _ in range(2))
        # Those of the other processes follow it.
        self.admin = f"{HOST}:{free_ports(workers + 1)}"

    @contextlib.asynccontextmanager
    async def running(
        self, *options: str, log: int | None = None, is_ready: bool = True
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run it inside the block; it logs to *log*, or else where the tests do.

        Args:
            options: what it is told, too.
            log: a file's descriptor, or `PIPE`.
            is_ready: whether it will be ready, which is waited for then.
        """
        write_key_ring(self.folder / "token_keys", RING, replace=True)
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "serve",
            f"--workers={self.workers}",
            f"--data={self.folder}",
            f"--http={self.http}",
            f"--grpc={self.grpc}",
            f"--admin={self.admin}",
            *options,
            stderr=log,
            start_new_session=True,
        )
        try:
            if is_ready:
                await self.until_ready()
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    @property
    def admins(self) -> list[str]:
        """Where each endpoint process answers operators' tools, and then the log process."""
        host, port = self.admin.split(":")
        return [f"{host}:{int(port) + index}" for index in range(self.workers + 1)]

    async def until_ready(self) -> None:
        """Wait until every process says that it is ready."""
        for address in self.admins:
            await self.ask(address)

    async def ask(self, admin: str) -> None:
        async with aiohttp.ClientSession() as operator:
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with operator.get(f"http://{admin}/readyz") as response:
                        if response.status == 200:
                            return
                # There is nothing to wait for but the next attempt.
                await asyncio.sleep(0.05)

    async def fetch(self, message_id: str, *, to: str = "reader@example.org") -> bool:
        """Fetch a pixel over a connection of its own; return whether it was answered."""
        url = f"http://{self.http}/o/{seal(a_token(message_id, to=to), RING)}.gif"
        try:
            async with aiohttp.ClientSession() as browser, browser.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def streamed(self, *, wanted: Iterable[str] = ()) -> list[str]:
        """Return the message IDs of everything recorded, once *wanted* are among them."""
        while True:
            found = await self._streamed()
            if set(wanted) <= set(found):
                return found
            # There is nothing to wait for but the next attempt.
            await asyncio.sleep(0.02)

    async def until_streamed(self, count: int) -> None:
        """Wait until so many opens are recorded."""
        while len(await self._streamed()) < count:  # noqa: ASYNC110 - looking tells
            await asyncio.sleep(0.02)

    async def _streamed(self) -> list[str]:
        async with OpenStream(self.grpc, position=LogEnd.EARLIEST, stop_at_head=True) as opens:
            return [each.mail.message_id async for each in opens]


def children_of(pid: int) -> list[int]:
    """Return the PIDs of the processes that the supervisor *pid* has started."""
    found = []
    for path in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        # It may go while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"spawn_main" in Path(f"/proc/{path}/cmdline").read_bytes():
                found.append(int(path))
    return found


async def test_opens_of_every_process_are_streamed_in_one_order(tmp_path: Path) -> None:
    """Connections spread over the endpoint processes; each stream has all opens, in one order."""
    service = Service(tmp_path)
    async with service.running():
        for number in range(20):
            assert await service.fetch(f"m{number}")
        wanted = [f"m{number}" for number in range(20)]
        orders = [await service.streamed(wanted=wanted) for _ in range(3)]

    assert all(order == orders[0] for order in orders)
    assert sorted(orders[0]) == sorted(f"m{number}" for number in range(20))


async def test_processes_know_what_the_others_saw(tmp_path: Path) -> None:
    """Whichever process a scanner's network came to, all know that the message is scanned."""
    service = Service(tmp_path)
    url = f"http://{service.http}/o/{seal(a_token('m'), RING)}.gif"
    async with service.running("--trusted-proxies=127.0.0.1"):
        for address in ("62.209.50.1", *["192.0.2.7"] * 8):
            forwarded = {"X-Forwarded-For": address}
            async with (
                aiohttp.ClientSession(headers=forwarded) as proxy,
                proxy.get(url) as response,
            ):
                assert response.status == 200
        await service.until_streamed(9)
        async with OpenStream(service.grpc, position=LogEnd.EARLIEST, stop_at_head=True) as opens:
            signals = [{each.name for each in open_.open.evidence.signals} async for open_ in opens]

    assert sorted("scanned-before" in each for each in signals) == [False] + [True] * 8


async def certificates_last(service: Service) -> list[float]:
    """Return until when they last, as each process says of the port that it serves by TLS."""
    found = []
    async with aiohttp.ClientSession() as operator:
        for admin in service.admins:
            async with operator.get(f"http://{admin}/metrics") as response:
                text = await response.text()
            (value,) = re.findall(r"^certificate_not_after_seconds{.*} (.+)$", text, re.MULTILINE)
            found.append(float(value))
    return found


async def test_every_process_renews_its_certificate(tmp_path: Path) -> None:
    """By itself; its metrics say until when that lasts, and clients are shown it."""
    authority, ca = Authority.written(tmp_path)
    certificate, key = authority.issue().write(tmp_path)
    options = [
        f"--{port}{option}"
        for port in ("", "http-")
        for option in (f"tls-certificate={certificate}", f"tls-key={key}")
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    service = Service(folder, workers=1)
    context = ssl.create_default_context(cafile=str(ca))
    async with service.running(*options), aiohttp.ClientSession() as browser:
        before = await certificates_last(service)
        authority.issue(lasts=dt.timedelta(days=365)).write(tmp_path)
        while True:
            if min(await certificates_last(service)) > max(before) + 300 * 86_400:
                break
            # There is nothing to wait for but the next attempt.
            await asyncio.sleep(0.1)
        async with browser.get(f"https://{service.http}/o/x.gif", ssl=context) as response:
            assert response.status == 200

    assert len(before) == 2


async def test_data_are_their_owners_alone(tmp_path: Path) -> None:
    """Also what an earlier version left open; the log says once that it was."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    (folder / "opens.db").touch(mode=0o644)
    service = Service(folder)
    log = tmp_path / "log"
    with log.open("wb") as output:
        async with service.running(log=output.fileno()):
            assert await service.fetch("m")
            await service.streamed(wanted=["m"])
            modes = {}
            for each in (folder, *folder.rglob("*")):
                # The journal's come and go.
                with contextlib.suppress(FileNotFoundError):
                    modes[str(each.relative_to(folder))] = oct(stat.S_IMODE(each.lstat().st_mode))

    assert {"opens.db", "opens.db-wal", "opens.db-shm", "token_keys"} < modes.keys()
    assert {name: mode for name, mode in modes.items() if mode not in ("0o600", "0o700")} == {}
    assert modes["opens.db"] == "0o600"
    assert log.read_text().count("others had access to the data folder") == 1


async def test_killed_process_is_replaced_and_no_answered_open_is_lost(tmp_path: Path) -> None:
    """Whichever it is, what was answered is there, once."""
    service = Service(tmp_path)
    answered = []
    async with service.running() as process:
        for round_ in range(PROCESSES):
            victim = min(children_of(process.pid))
            for number in range(10):
                if await service.fetch(f"m{round_}-{number}"):
                    answered.append(f"m{round_}-{number}")
                if number == 5:
                    os.kill(victim, signal.SIGKILL)
            await service.until_ready()
            assert victim not in children_of(process.pid)
            assert await service.fetch(f"after-{round_}")
            answered.append(f"after-{round_}")
        found = await service.streamed(wanted=answered)

    assert set(answered) <= set(found)
    assert len(found) == len(set(found))


async def test_processes_that_die_while_the_database_is_away_are_replaced(tmp_path: Path) -> None:
    """The service answers from its first second, and nothing that a database does ends it."""
    service = Service(tmp_path, workers=1)
    # A socket that is not there.
    away = f"--log-url=postgresql://nobody@/none?host={tmp_path}"
    async with service.running(away, is_ready=False) as process:
        at_endpoint, _ = service.admins
        await service.ask(at_endpoint)
        assert await service.fetch("m")
        before = children_of(process.pid)
        for victim in before:
            os.kill(victim, signal.SIGKILL)
        while len(set(children_of(process.pid)) - set(before)) < len(before):  # noqa: ASYNC110 - looking tells
            await asyncio.sleep(0.02)
        await service.ask(at_endpoint)
        assert await service.fetch("m")

        assert process.returncode is None


async def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """A parent that is killed leaves nobody behind that holds the ports.

    What its processes answered until they ended is there all the same.
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
        found = await service.streamed(wanted=answered)

    assert len(answered) >= 6
    assert set(answered) <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_stop_of_the_whole_group_is_one_stop(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and service managers signal every process: all the same each has its grace."""
    service = Service(tmp_path)
    async with service.running(log=asyncio.subprocess.PIPE) as process:
        assert await service.fetch("m1")
        os.killpg(process.pid, number)
        _, errors = await process.communicate()

    said = errors.decode()
    assert process.returncode == 0
    assert "at once" not in said
    assert "Traceback" not in said
    assert said.count("stopping") == PROCESSES + 1


async def test_replacing_the_processes_fails_no_fetch(tmp_path: Path) -> None:
    """SIGHUP puts others in their places, one after the other, and every fetch is answered."""
    service = Service(tmp_path)
    async with service.running() as process:
        before = set(children_of(process.pid))
        async with fetching_without_end(service) as answered:
            process.send_signal(signal.SIGHUP)
            while before & set(children_of(process.pid)):  # noqa: ASYNC110 - looking tells
                await asyncio.sleep(0.02)
            await service.until_ready()
        found = await service.streamed(wanted=answered)

    assert len(found) == len(set(found))
    assert set(found) == set(answered)


@contextlib.asynccontextmanager
async def fetching_without_end(service: Service) -> AsyncIterator[list[str]]:
    """Fetch inside the block; give the message IDs of what was answered, as everything must be.

    Half of the clients keep their connections, and half have one for each fetch.
    """
    answered: list[str] = []
    is_over = asyncio.Event()

    async def fetch(client: int, browser: aiohttp.ClientSession) -> None:
        for number in itertools.count():
            message_id = f"m{client}-{number}"
            url = f"http://{service.http}/o/{seal(a_token(message_id), RING)}.gif"
            async with browser.get(url) as response:
                assert (response.status, len(await response.read())) == (200, 43)
            answered.append(message_id)
            if is_over.is_set():
                return

    async with (
        aiohttp.ClientSession() as keeping,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as closing,
        asyncio.TaskGroup() as group,
    ):
        for client in range(4):
            group.create_task(fetch(client, (keeping, closing)[client % 2]))
        yield answered
        is_over.set()


async def test_second_instance_takes_over_without_a_failed_fetch(tmp_path: Path) -> None:
    """It serves at the same address at once, and streams what both have answered."""
    first, second = Service(tmp_path, workers=1), Service(tmp_path, workers=1)
    second.http = first.http
    async with contextlib.AsyncExitStack() as ending:
        await ending.enter_async_context(first.running("--reuse-port"))
        async with second.running("--reuse-port", is_ready=False):
            await second.ask(second.admins[0])
            async with fetching_without_end(first) as answered:
                await ending.aclose()
            found = await second.streamed(wanted=answered)

    assert len(found) == len(set(found))
    assert set(found) == set(answered)


def log_process_of(pid: int) -> int:
    """Return the PID of the process that has the log open, of those that *pid* has started."""
    (found,) = (child for child in children_of(pid) if "opens.db" in open_files_of(child))
    return found


def open_files_of(pid: int) -> set[str]:
    """Return the names of the files that the process *pid* has open."""
    names = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        # It may be closed since it was listed.
        with contextlib.suppress(FileNotFoundError):
            names.add(each.readlink().name)
    return names


async def test_log_process_gives_way_to_those_who_answer(tmp_path: Path) -> None:
    """Where processes compete for a core, mail clients do not wait for trimming and streams."""
    service = Service(tmp_path, workers=1)
    async with service.running() as process:
        log = log_process_of(process.pid)
        (endpoint,) = set(children_of(process.pid)) - {log}
        nicenesses = [os.getpriority(os.PRIO_PROCESS, each) for each in (endpoint, log)]

    assert nicenesses == [os.getpriority(os.PRIO_PROCESS, 0), min(19, os.nice(0) + 10)]


async def test_log_process_that_hangs_is_not_felt(tmp_path: Path) -> None:
    """Pixels are answered while it does nothing, and what came meanwhile is streamed afterwards."""
    service = Service(tmp_path)
    async with service.running() as process:
        log = log_process_of(process.pid)
        os.kill(log, signal.SIGSTOP)
        try:
            for number in range(200):
                assert await service.fetch(f"m{number}")
        finally:
            # On a machine that is very busy another one may have taken its place by now.
            with contextlib.suppress(ProcessLookupError):
                os.kill(log, signal.SIGCONT)
        found = await service.streamed(wanted=[f"m{number}" for number in range(200)])

    assert len(found) == 200


async def test_nobody_connects_to_a_service_that_serves_pixels_no_more(tmp_path: Path) -> None:
    """When what answers has ended, the address is free for another instance, or refuses."""
    service = Service(tmp_path, workers=1)
    async with service.running("--reuse-port") as process:
        log = log_process_of(process.pid)
        os.kill(log, signal.SIGSTOP)
        try:
            process.terminate()
            while set(children_of(process.pid)) != {log}:  # noqa: ASYNC110 - looking tells
                await asyncio.sleep(0.02)
            host, port = service.http.split(":")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(host, int(port))
        finally:
            os.kill(log, signal.SIGCONT)


async def test_live_stream_hears_of_every_process(tmp_path: Path) -> None:
    """Opens that any process answers arrive on a stream that is already running."""
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

    # Each process's opens are in its order; the processes have none among them.
    assert sorted(found) == sorted(f"m{number}" for number in range(12))


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (["--http={taken}"], "cannot listen at {taken}: Address already in use"),
    ],
)
async def test_taken_ports_are_one_clear_line(
    options: list[str], pattern: str, tmp_path: Path
) -> None:
    """Before any process is started."""
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
