"""Where the processor time of one open goes, in microseconds.

    python -m benchmarks.open_log.where_time_goes [--seconds 4] [--workers 1]

First what each thread of the service takes for an open, from Linux's own accounts (`/proc`),
process by process, with the client and the bare handler's whole cost beside it: from the
beginning of the load until the last open is in the log. Then what each step of taking in
and recording an open takes by itself, for messages that were not fetched before.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import uvloop

from benchmarks.open_log.drain import kept_opens
from benchmarks.open_log.http_path import MESSAGES, running_floor
from benchmarks.open_log.serving import USER_AGENTS, load, running_service, sealed_tokens
from pixel_service.evidence import load_judge
from pixel_service.intake import TokenOpener
from pixel_service.intake.event_id import new_open_id
from pixel_service.intake.opened_token import message_of
from pixel_service.notification import mail_octets, open_octets
from pixel_service.privacy import PrivacyLevel, decode_open, keep_fetch
from pixel_service.recording import opens_of
from service_runtime.key_ring import KeyRing, generate_key_ring

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
ROUNDS: Final = 3

# Threads below it are there for other things.
LEAST_US: Final = 1.0

NOW_US: Final = 1_790_000_000_000_000

Item = TypeVar("Item")
Thread = tuple[int, int]
Settled = Callable[[], None]


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


def show(name: str, address: str, tokens: Sequence[str], seconds: float, settled: Settled) -> None:
    """Load *address*, and print what the client and each busy thread take for an open."""
    uvloop.run(load(address, tokens, seconds=0.5, connections=4))
    settled()
    pids = list(processes_of(os.getpid()))
    before, client_before = times_of(pids), time.process_time()
    found = uvloop.run(load(address, tokens, seconds=seconds, connections=64))
    client = (time.process_time() - client_before) / found.answers * 1e6
    settled()
    taken: dict[int, list[float]] = {}
    for thread, spent in times_of(pids).items():
        microseconds = (spent - before.get(thread, 0.0)) / found.answers * 1e6
        if microseconds > LEAST_US:
            taken.setdefault(thread[0], []).append(microseconds)
    busy = ", ".join(_listed(sorted(each, reverse=True)) for each in taken.values())
    print(f"{name:>12} {found.per_second:8,.0f}/s, processes {busy}, client {client:.0f}")


def threads(seconds: float, workers: int) -> None:
    """Print what each thread takes for an open, and for an answer of the bare handler."""
    with running_floor() as floor:
        tokens = sealed_tokens(MESSAGES, generate_key_ring())
        show("bare handler", floor, tokens, seconds, lambda: None)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data", workers=workers) as service,
    ):
        tokens = sealed_tokens(MESSAGES, service.ring)
        show("service", service.http, tokens, seconds, service.wait_until_recorded)


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
    sealed = [opener.unseal(token) for token in tokens]
    opened = [token for token, _ in sealed]

    def judged(number: int) -> object:
        return judge.judge_timeless(
            ip_address=f"127.0.1.{number % 64}",
            user_agent=USER_AGENTS[number % len(USER_AGENTS)],
            headers={},
            open_day=20_000,
            since_seconds=100.0,
        )

    evidence = judge.judge_timeless(
        ip_address="127.0.1.1",
        user_agent=USER_AGENTS[0],
        headers={},
        open_day=20_000,
        since_seconds=100.0,
    )
    kept = keep_fetch(
        PrivacyLevel.FULL, ip_address="127.0.1.1", user_agent=USER_AGENTS[0], evidence=evidence
    )

    def told(number: int) -> object:
        event_id = f"{new_open_id(NOW_US + number)}:0"
        return open_octets(kept, event_id=event_id, open_us=NOW_US + number, since_us=number)

    numbers = range(MESSAGES)
    entries = kept_opens(MESSAGES, messages=MESSAGES)
    for name, microseconds in (
        ("open the token", fastest(opener.unseal, tokens)),
        ("keep what its privacy level allows", fastest(lambda each: message_of(*each), sealed)),
        ("describe the message", fastest(lambda each: mail_octets(each, "newsletter"), opened)),
        ("judge the fetch", fastest(judged, numbers)),
        ("describe the open", fastest(told, numbers)),
        ("decode what was kept", fastest(decode_open, entries)),
        (
            "make opens of it, with all that",
            fastest(lambda each: opens_of(decode_open(each)), entries),
        ),
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
