"""The pixel service is killed under load: every pixel that was answered is in the stream.

Through HTTP, as mail clients come. A few kills here; `make test-crash` makes 100.
"""

import asyncio
import contextlib
import os
import random
import select
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from examples.pair import Pair, pixel_options, running_service
from pixel_service.open_log import migrate
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.fixtures.postgres import running_postgres
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_workers import children_of

KILLS = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "3"))
CLIENTS = 16

# For what lies in the journals at the end; it takes a moment.
DRAIN_SECONDS = 40

WORKERS = 2
# A worker that dies young is replaced after a wait that grows, up to 10 s.
WORKER_KILLS = max(2, KILLS // 4)

# What a mail client sees of a crash; it asks again later, or never.
GONE = (aiohttp.ClientError, asyncio.TimeoutError, ConnectionError)


class MailClients:
    """Fetch pixels without pause, each client one after another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answered: dict[int, list[str]] = {index: [] for index in range(CLIENTS)}
        self.asked = 0

    async def run(self, ring_seal: dict[str, str], stop: asyncio.Event) -> None:
        """Fetch until *stop*; *ring_seal* gives the token of each message."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(
                *(self._fetch(index, session, ring_seal, stop) for index in range(CLIENTS))
            )

    async def _fetch(
        self,
        index: int,
        session: aiohttp.ClientSession,
        tokens: dict[str, str],
        stop: asyncio.Event,
    ) -> None:
        while not stop.is_set() and tokens:
            message_id, token = tokens.popitem()
            self.asked += 1
            try:
                async with session.get(f"{self._url}/o/{token}.gif") as response:
                    await response.read()
            except GONE:
                # Not answered, so nothing was promised; the service is coming back.
                await asyncio.sleep(0.05)
                continue
            if response.status == 200:
                self.answered[index].append(message_id)

    @property
    def count(self) -> int:
        return sum(map(len, self.answered.values()))


async def until_streamed(pair: Pair, clients: MailClients) -> list[tuple[str, str]]:
    """Return message and event IDs of the whole log, once it has everything answered.

    What lies in the journal of a process that was killed comes a little later.
    """
    answered = {message_id for each in clients.answered.values() for message_id in each}
    there: list[tuple[str, str]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while not answered <= {message_id for message_id, _ in there}:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    there = await streamed(pair)
    assert answered <= {message_id for message_id, _ in there}
    return there


async def streamed(pair: Pair) -> list[tuple[str, str]]:
    """Return message and event IDs of the whole log, in its order."""
    async with grpc.aio.insecure_channel(pair.pixel) as channel:
        stream = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(position=pb.POSITION_EARLIEST, stop_at_head=True), timeout=60
        )
        return [
            (notification.mail.message_id, notification.event_id)
            async for response in stream
            for notification in response.batch.notifications
        ]


def start_again(pair: Pair, options: list[str], kills: list[int]) -> None:
    """Run the service and kill it at a random moment; the last run is left to the caller."""
    moments = random.Random(73)  # noqa: S311 - moments, not secrets
    for number in range(KILLS):
        with running_service("pixel-service", options, ready_at=pair.pixel) as supervisor:
            # Some are killed at once, some after thousands of commits.
            signal.sigtimedwait([], moments.uniform(0, 0.6))
            processes = children_of(supervisor.pid)
            # All at once, as a lack of memory does; or the supervisor alone, whose
            # processes end in order when they notice.
            victims = [supervisor.pid, *processes] if number % 2 else [supervisor.pid]
            with all_gone(processes):
                for each in victims:
                    os.kill(each, signal.SIGKILL)
                supervisor.wait()
            kills.append(supervisor.pid)


@contextlib.contextmanager
def all_gone(pids: Iterable[int]) -> Iterator[None]:
    """Wait at the end of the block until the processes *pids* have ended."""
    with contextlib.ExitStack() as stack:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                stack.callback(os.close, descriptor)
                stack.callback(select.select, [descriptor], [], [])
        yield


async def kill_workers(parent: int, kills: list[int]) -> None:
    """Kill processes of *parent*, the log's too, at random moments, each when all are there."""
    chance = random.Random(73)  # noqa: S311 - as above
    while len(kills) < WORKER_KILLS:
        workers = [worker for worker in children_of(parent) if worker not in kills]
        if len(workers) <= WORKERS:
            # Nothing tells when the next one has been started.
            await asyncio.sleep(0.05)
            continue
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        kills.append(chance.choice(workers))
        os.kill(kills[-1], signal.SIGKILL)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def log_options(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Give options that name an empty log, of each backend in turn."""
    if request.param == "SQLite":
        yield []
        return
    with running_postgres() as server:
        url = server.url_of(asyncio.run(server.create_database()))
        asyncio.run(migrate(url))
        yield [f"--log-url={url}"]


@pytest.fixture
def options(ports: Pair, tmp_path: Path, log_options: list[str]) -> list[str]:
    """Give what a service at *ports* is told."""
    return [*pixel_options(ports, tmp_path), *log_options, "--log-level=ERROR"]


@pytest.fixture
def note(
    record_table: dict[str, list[str]], request: pytest.FixtureRequest
) -> Callable[[str, MailClients, int], None]:
    """Give what writes a line of the report: who was killed, and what became of the opens."""

    def note(kills: str, clients: MailClients, streamed: int) -> None:
        record_table.setdefault("killed under load, over HTTP", []).append(
            f"{request.node.callspec.id}: {kills}, {clients.asked} asked, "
            f"{clients.count} answered, {streamed} streamed"
        )

    return note


def sealed_messages(data: Path, count: int) -> dict[str, str]:
    """Return the tokens of *count* messages, by message ID; put their keys into *data*."""
    ring = generate_key_ring()
    write_key_ring(data / "token_keys", ring)
    return {f"m{number}": seal(a_token(f"m{number}"), ring) for number in range(count)}


@contextlib.asynccontextmanager
async def mail_clients(pair: Pair, tokens: dict[str, str]) -> AsyncIterator[MailClients]:
    """Fetch pixels inside the block, each once."""
    clients = MailClients(f"http://{pair.pixel_http}")
    stop = asyncio.Event()
    load = asyncio.create_task(clients.run(tokens, stop))
    try:
        yield clients
    finally:
        stop.set()
        await load


@pytest.mark.timeout(60 + 30 * KILLS)
@pytest.mark.guarantee(
    "G3", "A pixel that was served for a valid token is in the log after `kill -9` of any process"
)
async def test_every_answered_pixel_is_streamed_once_and_in_order(
    tmp_path: Path,
    ports: Pair,
    options: list[str],
    note: Callable[[str, MailClients, int], None],
) -> None:
    """Whatever moment the service is killed at, what it answered for is there after it."""
    kills: list[int] = []
    tokens = sealed_messages(tmp_path, 4_000 * KILLS)
    async with mail_clients(ports, tokens) as clients:
        await asyncio.to_thread(start_again, ports, options, kills)
    with running_service("pixel-service", options, ready_at=ports.pixel):
        there = await until_streamed(ports, clients)

    assert len(set(kills)) == KILLS
    assert clients.count > KILLS
    assert Counter(there).most_common(1)[0][1] == 1
    # HTTP clients ask once more by themselves when a kept connection breaks: the
    # answer is that of a message's last open.
    place = {message_id: index for index, (message_id, _) in enumerate(there)}
    for answered in clients.answered.values():
        # What was asked for after an answer comes after what was answered.
        assert sorted(answered, key=place.__getitem__) == answered
    note(f"{KILLS} kills of the supervisor or all", clients, len(there))


@pytest.mark.timeout(60 + 30 * WORKER_KILLS)
@pytest.mark.guarantee(
    "G3", "A pixel that was served for a valid token is in the log after `kill -9` of any process"
)
async def test_every_pixel_that_a_killed_worker_answered_is_streamed_once(
    tmp_path: Path,
    ports: Pair,
    options: list[str],
    note: Callable[[str, MailClients, int], None],
) -> None:
    """Whichever worker dies, the others go on, and nothing that any answered for is lost."""
    options = [*options, f"--workers={WORKERS}"]
    kills: list[int] = []
    tokens = sealed_messages(tmp_path, 8_000 * WORKER_KILLS)
    with running_service("pixel-service", options, ready_at=ports.pixel) as parent:
        async with mail_clients(ports, tokens) as clients:
            await kill_workers(parent.pid, kills)
        there = await until_streamed(ports, clients)

    assert len(set(kills)) == WORKER_KILLS
    assert Counter(there).most_common(1)[0][1] == 1
    note(f"{WORKER_KILLS} kills of workers", clients, len(there))
