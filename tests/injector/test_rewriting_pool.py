"""Rewriting in other processes: the same octets, whatever happens to the processes."""

import asyncio
import datetime as dt
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from benchmarks.hostile_messages import FAMILIES
from injector_service.configurations import Configuration
from injector_service.errors import RewritingInterrupted
from injector_service.pixels import CopyFacts, MessageFacts, TokenSealer
from injector_service.rewriting import Outcome, Placement, Rewritten, rewrite_message
from injector_service.rewriting_pool import MAX_PROCESSES, RewritingPool, rewriting_pool
from injector_service.rewriting_process import Job, RemoteFailure
from service_runtime.key_ring import generate_key_ring

KEY_RING: Final = generate_key_ring()
BASE_URL: Final = "https://open.example.org"

JOB: Final = Job(
    facts=MessageFacts(
        configurations=(Configuration(id="news", open_notifications_enabled=True),),
        acceptance_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ),
    base_url=BASE_URL,
    placement=Placement.END,
    fields_to_remove=("X-Configuration-Id",),
    copies=(CopyFacts("message", ("bob@example.net",), {"campaign": "may"}),),
    is_in_one=True,
)

RAW: Final = (
    b"From: ann@example.org\r\nTo: bob@example.net\r\nX-Configuration-Id: news\r\n"
    b"Content-Type: text/html\r\n\r\n<body>" + b"<p>paragraph</p>\r\n" * 50_000 + b"</body>"
)


def here(raw: bytes) -> Rewritten:
    """Rewrite in this process."""
    sealer = TokenSealer(KEY_RING)
    make_pixel = JOB.maker(sealer).of(JOB.copies[0])
    return rewrite_message(raw, JOB.instructions(sealer, make_pixel))


async def there(pool: RewritingPool, raw: bytes = RAW, job: Job = JOB) -> Rewritten:
    """Rewrite in a process of *pool*."""
    (rewritten,) = await pool.rewrite(raw, job)
    return rewritten


class _Value:
    """What a process that is sent it makes of it by calling a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._made = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._made


def die_once(marker: str) -> str:
    """Be killed, unless that has happened before; return the base URL."""
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return BASE_URL
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def with_base_url(value: object) -> Job:
    return JOB._replace(base_url=value)  # type: ignore[arg-type] # what the process gets is one


def processes() -> int:
    """Return how many processes this one has started that rewrite."""
    return sum(each.name == "rewriting" for each in multiprocessing.active_children())


@pytest.mark.parametrize(
    "raw",
    [RAW, RAW.replace(b"text/html", b"text/plain"), FAMILIES["<!----!>"](1 << 18)],
    ids=["tracked", "without HTML", "too complex"],
)
async def test_process_gives_the_same_octets(raw: bytes) -> None:
    """What comes back is what this process would have made, to the pixel and the octet."""
    async with rewriting_pool(KEY_RING) as pool:
        rewritten = await there(pool, raw)

    assert rewritten == here(raw)
    assert rewritten.message(raw) == here(raw).message(raw)


async def test_process_is_started_when_it_is_needed_and_ended_with_the_pool() -> None:
    """Who needs none has none, one is enough for one message after the other, none remains."""
    async with rewriting_pool(KEY_RING) as pool:
        assert processes() == 0
        for _ in range(3):
            await there(pool)
        assert processes() == 1

    assert processes() == 0


def test_process_loads_nothing_for_databases_and_networks() -> None:
    """There are several, and each would hold it."""
    program = (
        "import pickle, sys; import injector_service.rewriting_process;"
        "pickle.loads(sys.stdin.buffer.read()); print(*sys.modules)"
    )
    loaded = subprocess.run(  # noqa: S603 - a program of this test
        [sys.executable, "-c", program], input=pickle.dumps(JOB), capture_output=True, check=True
    ).stdout.split()

    assert b"injector_service.configurations.configuration" in loaded
    assert not {b"sqlalchemy", b"grpc", b"aiohttp", b"click"} & set(loaded)


async def test_there_are_few_processes_however_many_messages() -> None:
    """Messages beyond them wait, and all are answered."""
    count = 2 * MAX_PROCESSES + 1
    async with rewriting_pool(KEY_RING) as pool:
        all_rewritten = await asyncio.gather(*(there(pool) for _ in range(count)))
        assert 1 <= processes() <= MAX_PROCESSES

    assert [each.outcome for each in all_rewritten] == [Outcome.TRACKED] * count


async def test_message_of_a_process_that_is_killed_is_rewritten_by_another(tmp_path: Path) -> None:
    """A process that is killed loses nothing, and leaves nothing wrong."""
    job = with_base_url(_Value(die_once, str(tmp_path / "marker")))
    async with rewriting_pool(KEY_RING) as pool:
        assert await there(pool, job=job) == here(RAW)

    assert (tmp_path / "marker").exists()


async def test_process_that_was_killed_while_it_was_idle_is_not_used() -> None:
    """A message is not given to one that is gone, and does not count it as an attempt."""
    async with rewriting_pool(KEY_RING) as pool:
        await there(pool)
        (process,) = (
            each for each in multiprocessing.active_children() if each.name == "rewriting"
        )
        process.kill()
        await asyncio.to_thread(process.join)

        assert await there(pool) == here(RAW)


async def test_message_that_no_process_survives_is_left_alone() -> None:
    """Mail flows: it comes back as it was, with a reason; the next one is rewritten."""
    async with rewriting_pool(KEY_RING) as pool:
        rewritten = await there(pool, job=with_base_url(_Value(os._exit, 1)))

        assert rewritten == Rewritten(outcome=Outcome.TOO_COMPLEX)
        assert rewritten.message(RAW) is RAW
        assert await there(pool) == here(RAW)


async def test_fault_in_a_process_leaves_the_message_alone_and_is_told() -> None:
    """Mail flows; what went wrong comes back as a class and frames, without values."""
    copy = JOB.copies[0]._replace(
        # What no check would let through, so that something fails.
        recipients=("bob@example.net", b"ann@example.org"),  # type: ignore[arg-type] # the fault
    )
    broken = JOB._replace(copies=(copy,))
    async with rewriting_pool(KEY_RING) as pool:
        rewritten = await there(pool, job=broken)

    assert rewritten.outcome is Outcome.MALFORMED
    assert rewritten.message(RAW) is RAW
    assert isinstance(rewritten.failure, RemoteFailure)
    assert rewritten.failure.kind == "TypeError"
    assert any("recipients.py" in frame for frame in rewritten.failure.frames)
    assert "example.org" not in str(rewritten.failure)


async def test_who_still_waits_when_the_pool_ends_is_told() -> None:
    """No caller waits for ever, and none gets a wrong answer."""
    async with rewriting_pool(KEY_RING) as pool:
        pending = [asyncio.create_task(there(pool)) for _ in range(3 * MAX_PROCESSES)]
        await asyncio.sleep(0)

    for outcome in await asyncio.gather(*pending, return_exceptions=True):
        assert isinstance(outcome, RewritingInterrupted | asyncio.CancelledError) or (
            outcome == here(RAW)
        )
