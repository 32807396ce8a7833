"""The pixel service is killed under load: every pixel that was answered is in the stream.

Through HTTP, as mail clients come. A few kills here; `make test-crash` makes 50.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from examples.pair import Pair, pair_on_free_ports, running_service
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.pixel.service_values import a_token, seal

KILLS = int(os.environ.get("EMAILOPENS_CRASH_KILLS", "3"))
CLIENTS = 16

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


async def streamed(pair: Pair) -> list[str]:
    """Return the message IDs of the whole log, in its order."""
    async with grpc.aio.insecure_channel(pair.pixel) as channel:
        stream = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(position=pb.POSITION_EARLIEST, stop_at_head=True), timeout=60
        )
        return [
            notification.mail.message_id
            async for response in stream
            for notification in response.batch.notifications
        ]


def start_again(pair: Pair, data: Path, kills: list[int]) -> None:
    """Run the service and kill it at a random moment; the last run is left to the caller."""
    options = [
        f"--grpc={pair.pixel}",
        f"--http={pair.pixel_http}",
        f"--admin={pair.admin}",
        f"--data={data}",
        "--log-level=ERROR",
    ]
    moments = random.Random(73)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        with running_service("pixel-service", options, ready_at=pair.pixel) as process:
            # Some are killed at once, some after thousands of commits.
            signal.sigtimedwait([], moments.uniform(0, 0.6))
            process.kill()
            process.wait()
            kills.append(process.pid)


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_every_answered_pixel_is_streamed_once_and_in_order(
    tmp_path: Path, record_table: dict[str, list[str]]
) -> None:
    """Whatever moment the process is killed at, what it answered for is there after it."""
    pair = pair_on_free_ports()
    ring = generate_key_ring()
    write_key_ring(tmp_path / "token_keys", ring)
    tokens = {f"m{number}": seal(a_token(f"m{number}"), ring) for number in range(4_000 * KILLS)}
    clients = MailClients(f"http://{pair.pixel_http}")
    stop = asyncio.Event()
    load = asyncio.create_task(clients.run(tokens, stop))
    kills: list[int] = []

    await asyncio.to_thread(start_again, pair, tmp_path, kills)
    stop.set()
    await load
    options = [f"--grpc={pair.pixel}", f"--http={pair.pixel_http}", f"--admin={pair.admin}"]
    with running_service("pixel-service", [*options, f"--data={tmp_path}"], ready_at=pair.pixel):
        there = await streamed(pair)

    assert len(set(kills)) == KILLS
    assert clients.count > KILLS
    assert Counter(there).most_common(1)[0][1] == 1
    place = {message_id: index for index, message_id in enumerate(there)}
    for answered in clients.answered.values():
        assert [message_id for message_id in answered if message_id not in place] == []
        # What was asked for after an answer stands behind what was answered.
        assert sorted(answered, key=place.__getitem__) == answered
    record_table["killed under load, over HTTP"] = [
        f"{KILLS} kills, {clients.asked} asked, {clients.count} answered, {len(there)} streamed"
    ]
