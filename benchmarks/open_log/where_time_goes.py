"""Where the processor time of one open goes, in microseconds.

    python -m benchmarks.open_log.where_time_goes [--seconds 4] [--workers 1]

First what each thread of the service takes for an open under load, from Linux's own
accounts (`/proc`), with the client and the bare handler's whole cost beside it. Then what
each step of taking in an open takes by itself, for messages that were not fetched before.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import uvloop

from benchmarks.open_log.http_path import MESSAGES, running_floor
from benchmarks.open_log.serving import USER_AGENTS, load, running_service, sealed_tokens
from pixel_service.evidence import load_judge
from pixel_service.intake import TokenOpener
from pixel_service.intake.event_id import new_open_id
from pixel_service.intake.opened_token import message_of
from pixel_service.notification import mail_octets, open_octets
from pixel_service.privacy import PrivacyLevel, keep_fetch
from service_runtime.key_ring import KeyRing, generate_key_ring

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
ROUNDS: Final = 3

# Threads below it are there for other things.
LEAST_US: Final = 1.0

NOW_US: Final = 1_790_000_000_000_000

Item = TypeVar("Item")
Thread = tuple[int, int]


def processes_of(pid: int) -> Iterator[int]:
    """Yield the processes below *pid*."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from processes_of(int(child))


def times_of(pids: Sequence[int]) -> dict[Thread, float]:
    """Return the seconds that each thread of the processes *pids* has run."""
    seconds = {}
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            seconds[pid, int(task.name)] = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    return seconds


def measure(
    address: str, tokens: Sequence[str], seconds: float
) -> tuple[float, float, list[float]]:
    """Load *address*; return the rate, and the client's and each busy thread's time for an open."""
    uvloop.run(load(address, tokens, seconds=0.5, connections=4))
    pids = list(processes_of(os.getpid()))
    before, client_before = times_of(pids), time.process_time()
    found = uvloop.run(load(address, tokens, seconds=seconds, connections=64))
    opens = found.per_second * seconds
    client = (time.process_time() - client_before) / opens * 1e6
    taken = (
        (spent - before.get(thread, 0.0)) / opens * 1e6 for thread, spent in times_of(pids).items()
    )
    return (
        found.per_second,
        client,
        sorted((each for each in taken if each > LEAST_US), reverse=True),
    )


def threads(seconds: float, workers: int) -> None:
    """Print what each thread takes for an open, and for an answer of the bare handler."""
    with running_floor() as floor:
        rate, client, busy = measure(floor, sealed_tokens(MESSAGES, generate_key_ring()), seconds)
        print(f"bare handler {rate:8,.0f}/s, threads {_listed(busy)}, client {client:.0f}")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data", workers=workers) as service,
    ):
        tokens = sealed_tokens(MESSAGES, service.ring)
        rate, client, busy = measure(service.http, tokens, seconds)
        print(f"service      {rate:8,.0f}/s, threads {_listed(busy)}, client {client:.0f}")


def _listed(numbers: Sequence[float]) -> str:
    return " + ".join(f"{number:.0f}" for number in numbers)


def fastest(step: Callable[[Item], object], items: Sequence[Item]) -> float:
    """Return the microseconds that *step* takes for one of *items*, in the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for item in items:
            step(item)
        best = min(best, time.perf_counter() - began)
    return best / len(items) * 1e6


def stages(ring: KeyRing) -> None:
    """Print what each step of taking in an open takes."""
    tokens = sealed_tokens(MESSAGES, ring)
    opener, judge = TokenOpener(ring), load_judge()
    sealed = [opener.unseal_with_octets(token) for token in tokens]
    opened = [token for token, _ in sealed]

    def judged(number: int) -> object:
        return judge.judge_timeless(
            ip_address=f"127.0.1.{number % 64}",
            user_agent=USER_AGENTS[number % len(USER_AGENTS)],
            headers={},
            since_seconds=100.0,
        )

    evidence = judge.judge_timeless(
        ip_address="127.0.1.1", user_agent=USER_AGENTS[0], headers={}, since_seconds=100.0
    )
    kept = keep_fetch(
        PrivacyLevel.FULL, ip_address="127.0.1.1", user_agent=USER_AGENTS[0], evidence=evidence
    )

    def told(number: int) -> object:
        event_id = f"{new_open_id(NOW_US + number)}:0"
        return open_octets(kept, event_id=event_id, open_us=NOW_US + number, since_us=number)

    numbers = range(MESSAGES)
    for name, microseconds in (
        ("open the token", fastest(opener.unseal, tokens)),
        ("keep what its privacy level allows", fastest(lambda each: message_of(*each), sealed)),
        ("describe the message", fastest(lambda each: mail_octets(each, "newsletter"), opened)),
        ("judge the fetch", fastest(judged, numbers)),
        ("describe the open", fastest(told, numbers)),
    ):
        print(f"{name:40} {microseconds:6.1f}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    threads(options.seconds, options.workers)
    stages(generate_key_ring())


if __name__ == "__main__":
    main()
