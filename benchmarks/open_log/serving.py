"""Services and clients to measure."""

import asyncio
import contextlib
import dataclasses
import itertools
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, cast

import pybase64
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2
from examples.pair import HOST, free_ports
from service_runtime.key_ring import KeyRing, generate_key_ring, write_key_ring

START_SECONDS: Final = 60

# For what the journals hold after a round: ten seconds at the most.
DRAIN_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.1

# As many as make up most of real traffic; no two mail clients are told apart by more.
USER_AGENTS: Final = [
    f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Thunderbird/{version}.{patch}"
    for system in ("X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X")
    for version in range(115, 141)
    for patch in range(4)
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service that runs, and the keys of its tokens."""

    http: str
    grpc: str
    admins: Sequence[str]
    """Where operators' tools find its processes: endpoints first, the log process last."""
    ring: KeyRing
    pid: int
    """Of the supervisor."""
    page: str | None = None
    """Where people look at it, if anywhere."""

    def answered(self) -> int:
        """Return how many opens were answered and are durable."""
        return sum(metric(each, "opens_durable_total") for each in self.admins[:-1])

    def recorded(self) -> int:
        """Return how many are in the log."""
        return metric(self.admins[-1], "opens_recorded_total")

    def waiting(self) -> int:
        """Return how many are durable, and not yet in the log."""
        # Recorded first, so that what comes in between does not look recorded.
        recorded = self.recorded()
        return self.answered() - recorded

    def wait_until_recorded(self) -> None:
        """Return when the log has everything that was answered."""
        for _ in range(int(DRAIN_SECONDS / LOOK_SECONDS)):
            if not self.waiting():
                return
            time.sleep(LOOK_SECONDS)
        raise SystemExit("the log does not catch up")


def metric(address: str, name: str) -> int:
    """Return the value of a counter that the process at *address* shows."""
    with urllib.request.urlopen(f"http://{address}/metrics") as response:
        for line in response.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return int(float(line.rpartition(" ")[2]))
    raise LookupError(name)


@contextlib.contextmanager
def running_service(
    data: Path, *, workers: int = 1, log_url: str | None = None, has_page: bool = False
) -> Iterator[Running]:
    """Run `pixel-service serve` inside the block, on the embedded default or at *log_url*."""
    ring = generate_key_ring()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_key_ring(data / "token_keys", ring, replace=True)
    http, grpc_address = (f"{HOST}:{free_ports(1)}" for _ in range(2))
    # Each process has a port for operators' tools, in a row.
    admin = f"{HOST}:{free_ports(workers + 1)}"
    program = Path(sys.executable).with_name("pixel-service")
    options = [
        f"--data={data}",
        f"--http={http}",
        f"--grpc={grpc_address}",
        f"--admin={admin}",
        f"--workers={workers}",
        "--log-level=WARNING" if log_url is None else "--log-level=ERROR",
    ]
    if log_url is not None:
        options.append(f"--log-url={log_url}")
    page = f"{HOST}:{free_ports(1)}" if has_page else None
    if page is not None:
        options.append(f"--page={page}")
    with subprocess.Popen([program, "serve", *options]) as process:  # noqa: S603 - our own program
        try:
            host, port = admin.split(":")
            admins = [f"{host}:{int(port) + index}" for index in range(workers + 1)]
            for address in admins:
                _wait_until_ready(f"http://{address}/readyz")
            if page is not None:
                _wait_until_ready(f"http://{page}/")
            yield Running(
                http=http,
                grpc=grpc_address,
                admins=admins,
                ring=ring,
                pid=process.pid,
                page=page,
            )
        finally:
            process.terminate()


def _wait_until_ready(url: str) -> None:
    for _ in range(START_SECONDS * 10):
        with (
            contextlib.suppress(OSError, urllib.error.URLError),
            urllib.request.urlopen(url) as response,  # noqa: S310 - our own address
        ):
            if response.status == 200:  # noqa: PLR2004 - HTTP's OK
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing is ready at {url}")


def wait_until_listening(address: str) -> None:
    """Return when something listens at *address*."""
    host, port = address.split(":")
    for _ in range(START_SECONDS * 10):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens at {address}")


def sealed_tokens(count: int, ring: KeyRing) -> list[str]:
    """Return the tokens of *count* messages with common headers."""
    cipher = AESSIV(ring.active_key)
    key_id = bytes([ring.active_key_id])
    tokens = []
    for number in range(count):
        token = pixel_token_pb2.PixelToken(
            message_id=f"message-{number:012}",
            configuration_ids=["newsletter"],
            acceptance_time_us=time.time_ns() // 1_000,
            privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
            identity_id="letters@gaertnerei.example",
            from_mailboxes=["Gaertnerei <letters@gaertnerei.example>"],
            to_mailboxes=[f"Reader {number} <reader-{number}@example.org>"],
            date="Mon, 9 Mar 2026 08:15:30 +0100",
            subject="What grows in March",
            header_message_id=f"<march-{number}@gaertnerei.example>",
        )
        sealed = cipher.encrypt(token.SerializeToString(), [b"emailopens.token.v1.pixel", key_id])
        tokens.append(pybase64.urlsafe_b64encode(key_id + sealed).rstrip(b"=").decode())
    return tokens


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a round of requests showed."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """How many answers a second there were."""
        return self.answers / self.seconds


class _Asking:
    """What all connections of a round share: what to ask, when, and how long it took."""

    def __init__(self, requests: Iterator[bytes], per_second: float | None) -> None:
        self.requests = requests
        self.latencies: list[float] = []
        self._gap = 1 / per_second if per_second else 0.0
        self._next = time.perf_counter()

    def wait(self) -> float:
        """Return for how many seconds the next request must wait."""
        self._next += self._gap
        return self._next - time.perf_counter() if self._gap else 0.0


class _Connection(asyncio.Protocol):
    """Asks, takes the whole answer, asks again."""

    def __init__(self, asking: _Asking) -> None:
        self._loop = asyncio.get_running_loop()
        self.is_done: asyncio.Future[None] = self._loop.create_future()
        self._asking = asking
        self._transport: asyncio.Transport | None = None
        self._received = 0
        self._expected = 0
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if not self._received:
            # Header and image come in one piece, and every answer has one length.
            self._expected = data.index(b"\r\n\r\n") + 4 + 43
        self._received += len(data)
        if self._received >= self._expected:
            self._asking.latencies.append(time.perf_counter() - self._asked_at)
            self._received = 0
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.is_done.set_result(None)
        else:
            self.is_done.set_exception(exc)

    def _ask(self) -> None:
        wait = self._asking.wait()
        if wait > 0:
            self._loop.call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._transport is None:
            return
        request = next(self._asking.requests, None)
        if request is None:
            self._transport.close()
            return
        self._asked_at = time.perf_counter()
        self._transport.write(request)


def _requests(
    host: str, tokens: Iterable[str], *, seconds: float, fetches: int | None
) -> Iterator[bytes]:
    until = time.perf_counter() + seconds
    asked = zip(itertools.cycle(tokens), itertools.cycle(USER_AGENTS))
    for token, user_agent in itertools.islice(asked, fetches):
        if time.perf_counter() >= until:
            return
        yield (
            f"GET /o/{token}.gif HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {user_agent}\r\n"
            "Accept: image/*\r\n\r\n"
        ).encode()


async def load(
    address: str,
    tokens: Sequence[str],
    *,
    seconds: float,
    connections: int,
    fetches: int | None = None,
    per_second: float | None = None,
    tls: ssl.SSLContext | None = None,
) -> Load:
    """Fetch pixels at *address*, over so many connections that stay open.

    Args:
        address: where.
        tokens: of which messages, again and again.
        seconds: for how long.
        connections: how many there are; each has one request under way.
        fetches: how many, if not as many as the time allows.
        per_second: how many a second, if not as many as are answered.
        tls: what is believed, if they are fetched by TLS.
    """
    host, port = address.split(":")
    asking = _Asking(_requests(host, tokens, seconds=seconds, fetches=fetches), per_second)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    opened = [
        await loop.create_connection(
            lambda: _Connection(asking),
            host,
            int(port),
            ssl=tls,
            # All of 127.0.0.0/8 is this machine: each connection is a client of its own.
            local_addr=(f"127.0.{1 + number // 250}.{1 + number % 250}", 0),
        )
        for number in range(connections)
    ]
    await asyncio.gather(*(protocol.is_done for _, protocol in opened))
    elapsed = time.perf_counter() - started
    latencies = sorted(asking.latencies)
    return Load(
        answers=len(latencies),
        seconds=elapsed,
        p50_ms=latencies[len(latencies) // 2] * 1_000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1_000,
    )
