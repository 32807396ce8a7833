"""How fast the log process brings a journal into the log, with neither load nor streams.

    python -m benchmarks.open_log.drain [--opens 60000] [--rounds 3]

The journal is written first, by the code that writes it in an endpoint process. Then the
recorder reads it until it is empty. "New" are opens of messages that were never fetched
before; "seen" those of a thousand messages, fetched again and again.  SQLite and PostgreSQL
take turns.
"""

import argparse
import asyncio
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.bars import least
from benchmarks.open_log.http_path import LEAST_OF_SQLITE
from benchmarks.open_log.log_alone import log_url
from benchmarks.open_log.serving import USER_AGENTS, sealed_tokens
from pixel_service.evidence import load_judge
from pixel_service.intake import Intake, PixelFetch, RecentFetches, TokenOpener, TokenReader
from pixel_service.journal import Journal, Journals, Waker
from pixel_service.notification import number_open
from pixel_service.open_log import connect
from pixel_service.recording import Recorder
from pixel_service.statistics import COUNTING_RULES
from service_runtime.background import running
from service_runtime.key_ring import generate_key_ring
from service_runtime.times import now_us

# A message makes at most a thousand opens in an hour.
SEEN_MESSAGES: Final = 1_000
SOURCES: Final = 64
LOOK_SECONDS: Final = 0.01
LOOKS: Final = 30_000


class _Collected:
    """Takes what would be appended to a journal."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def append_for(self, payload: bytes | None, done: Callable[[], None]) -> None:
        if payload is not None:
            self.payloads.append(payload)
        done()


def kept_opens(count: int, *, messages: int) -> list[bytes]:
    """Return *count* kept opens of *messages* messages, as an endpoint process writes them."""
    ring = generate_key_ring()
    tokens = sealed_tokens(messages, ring)
    collected = _Collected()
    intake = Intake(
        tokens=TokenReader(TokenOpener(ring)),
        judge=load_judge(),
        journal=collected,
        recent=RecentFetches.new(),
    )
    for number in range(count):
        fetch = PixelFetch(
            token=tokens[number % messages],
            open_us=now_us(),
            ip_address=f"127.0.1.{number % SOURCES}",
            user_agent=USER_AGENTS[number % len(USER_AGENTS)],
            purposes={},
        )
        intake.take(fetch, lambda: None)
    return collected.payloads


async def write_journal(journals: Journals, payloads: Sequence[bytes]) -> None:
    """Leave a journal behind that holds *payloads*."""
    with journals.new_journal() as (folder, journal_id):
        waker = Waker(journals.pipe)
        journal = Journal(folder, journal_id, waker=waker)
        async with journal.running():
            for start in range(0, len(payloads), 1_000):
                await asyncio.gather(*map(journal.append, payloads[start : start + 1_000]))
        waker.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What recording a journal took."""

    per_second: float
    microseconds: float
    """Of this process's processor time, for an open; the database server's is not in it."""


async def drain(folder: Path, url: str, payloads: Sequence[bytes]) -> Drained:
    """Record *payloads* from a journal of their own."""
    journals = Journals(folder / "journal")
    journals.prepare()
    await write_journal(journals, payloads)
    async with connect(url, number_open=number_open, counting_rules=COUNTING_RULES) as log:
        recorder = Recorder(log, journals, spool=folder / "spool")
        began, spent = time.perf_counter(), time.process_time()
        async with running(recorder.record()):
            for _ in range(LOOKS):
                if recorder.health.recorded == len(payloads):
                    break
                await asyncio.sleep(LOOK_SECONDS)
        spent = time.process_time() - spent
        return Drained(
            per_second=len(payloads) / (time.perf_counter() - began),
            microseconds=spent / len(payloads) * 1e6,
        )


def _measure(backend: str, payloads: Sequence[bytes]) -> Drained:
    with tempfile.TemporaryDirectory() as folder, log_url(backend, Path(folder)) as url:
        return uvloop.run(drain(Path(folder), url, payloads))


def main() -> None:
    """Drain both kinds of journals into both databases, in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--opens", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'':>5} {'SQLite/s':>10} {'µs':>6} {'PostgreSQL/s':>13} {'µs':>6} {'ratio':>6}")
    for kind, messages in (("new", options.opens), ("seen", SEEN_MESSAGES)):
        payloads = kept_opens(options.opens, messages=messages)
        ratios = []
        for _ in range(options.rounds):
            sqlite, postgres = (_measure(each, payloads) for each in ("sqlite", "postgres"))
            ratios.append(postgres.per_second / sqlite.per_second)
            print(
                f"{kind:>5} {sqlite.per_second:>10,.0f} {sqlite.microseconds:>6.1f}"
                f" {postgres.per_second:>13,.0f} {postgres.microseconds:>6.1f} {ratios[-1]:>6.2f}",
                flush=True,
            )
        ratio = statistics.median(ratios)
        bar = f", {least(LEAST_OF_SQLITE, ratio)}" if kind == "new" else ""
        print(f"{kind:>5} median of PostgreSQL against SQLite {ratio:.2f}{bar}")


if __name__ == "__main__":
    main()
