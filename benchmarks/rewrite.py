"""Times the rewriting against what else rewrites mail, and against copying it.

    MAIL_CORPUS=... python -m benchmarks.rewrite

All contestants take turns in one run, so that what else the machine does hits
all alike; the figures are medians.  "Copy" is what any answer costs that holds
the whole message: a fresh allocation and a memcpy.
"""

import contextlib
import dataclasses
import functools
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import messages
from benchmarks.peers import stdlib_peer
from benchmarks.peers.mailsplit_peer import Mailsplit, mailsplit
from injector_service.rewriting import (
    Instructions,
    MadePixel,
    Outcome,
    Pixel,
    Rewritten,
    rewrite_message,
)
from service_runtime.allocator import keep_large_blocks

# 300 characters, the usual length with the common headers in the token.
PIXEL: Final = Pixel(url="https://open.example.org/o/" + "AQ" + "x7-_kQ" * 44 + "abc.gif")
RECIPIENTS: Final = ("robin@example.net",)

# Takes turns of each contestant.
ROUNDS: Final = 7

# What one turn lasts at least, so that the clock's grain is nothing.
_TURN_SECONDS: Final = 0.02

COPY: Final = "copy"
OURS: Final = "ours"
SPLICE: Final = "splice"
STDLIB: Final = "stdlib"
MAILSPLIT: Final = "mailsplit"
PEERS: Final = (STDLIB, MAILSPLIT)

Contestant = Callable[[int], float]
"""Does its work so often, and returns the seconds it took in all."""


def ours(raw: bytes) -> Rewritten:
    """Rewrite as the service does, with a pixel that is already made."""
    return rewrite_message(
        raw,
        Instructions(
            recipients=RECIPIENTS,
            make_pixel=lambda _header, _most: MadePixel(PIXEL),
            is_own_token=lambda _token: False,
        ),
    )


def timed(work: Callable[[], object]) -> Contestant:
    """Return *work* as a contestant."""

    def contestant(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            work()
        return time.perf_counter() - began

    return contestant


def medians(contestants: dict[str, Contestant], rounds: int = ROUNDS) -> dict[str, float]:
    """Let all take turns, and return the median seconds of one piece of work of each."""
    times = {}
    for name, contestant in contestants.items():
        # Once to warm up, then as often as a turn needs.
        contestant(1)
        times[name] = max(1, int(_TURN_SECONDS / max(contestant(1), 1e-7)))
    turns: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            turns[name].append(contestant(times[name]) / times[name])
    return {name: statistics.median(seconds) for name, seconds in turns.items()}


def contestants_for(raw: bytes, file: Path, node: Mailsplit) -> dict[str, Contestant]:
    """Return all contestants on one message, after a look that each does its work."""
    markup = PIXEL.markup()
    rewritten = ours(raw)
    assert rewritten.outcome is Outcome.TRACKED
    assert len(stdlib_peer.rewrite(raw, PIXEL)) > len(raw) + len(markup) // 2
    source = bytearray(raw)
    file.write_bytes(raw)
    return {
        COPY: timed(lambda: bytes(source)),
        OURS: timed(lambda: ours(raw).message(raw)),
        SPLICE: timed(lambda: ours(raw)),
        STDLIB: timed(lambda: stdlib_peer.rewrite(raw, PIXEL)),
        MAILSPLIT: lambda times: node.seconds(file, url=PIXEL.url, times=times),
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message, and the bars that it must clear.

    *least_gain* is over the fastest peer; of *judged*, the whole message or,
    for large mail, the splice: there a copy alone, which the whole message
    needs, is about as much faster than a peer as the bar asks.  *most_copies*
    always is of the whole message.
    """

    name: str
    make: Callable[[], bytes]
    least_gain: float
    judged: str = OURS
    most_copies: float = math.inf


def cases() -> Iterator[Case]:
    """Yield the cases, small ones first."""
    yield Case(
        name="10 KB quoted-printable",
        make=lambda: messages.quoted_printable(10_000),
        least_gain=20,
    )
    yield Case(name="116 KB base64", make=lambda: messages.base64_lines(113_000), least_gain=15)
    for megabytes in (10, 25):
        for place in ("first", "last"):
            yield Case(
                name=f"{megabytes} MB, HTML {place}",
                make=functools.partial(
                    messages.with_attachment, megabytes * 1_000_000, html_first=place == "first"
                ),
                least_gain=300,
                judged=SPLICE,
                most_copies={(25, "first"): 1.5, (25, "last"): 4.0}.get(
                    (megabytes, place), math.inf
                ),
            )


def show_cases(node: Mailsplit, folder: Path) -> bool:
    """Time every case; print the table; return whether all bars are met."""
    columns = (COPY, OURS, SPLICE, *PEERS)
    print(f"{'ms per message (medians)':24}", *(f"{name:>10}" for name in columns), end="")
    print(f"{'ours':>8}{'splice':>8}  (times the fastest peer) {'x copy':>7}")
    are_met = True
    for case in cases():
        took = medians(contestants_for(case.make(), folder / "message.eml", node))
        gains = {name: min(took[peer] for peer in PEERS) / took[name] for name in (OURS, SPLICE)}
        copies = took[OURS] / took[COPY]
        is_met = gains[case.judged] >= case.least_gain and copies <= case.most_copies
        are_met = are_met and is_met
        print(f"{case.name:24}", *(f"{took[name] * 1e3:10.4f}" for name in columns), end="")
        print(f"{gains[OURS]:8.1f}{gains[SPLICE]:8.1f}", end="")
        print(f"  {case.judged} >= {case.least_gain:g}".ljust(26), end="")
        print(f"{copies:7.2f}", end="")
        print("" if case.most_copies == math.inf else f"  <= {case.most_copies:g}", end="")
        print("" if is_met else "  MISSED")
    return are_met


def show_corpus(corpus: Path, node: Mailsplit) -> None:
    """Time all messages of a corpus, one after the other, and print messages a second."""
    files = sorted(file for file in corpus.rglob("*") if file.is_file() and file.suffix != ".md")
    raws = [file.read_bytes() for file in files]
    crashes = {OURS: 0, STDLIB: 0, MAILSPLIT: 0}
    took: dict[str, list[float]] = {OURS: [], STDLIB: [], MAILSPLIT: []}
    for _ in range(3):
        took[OURS].append(timed(lambda: [ours(raw).message(raw) for raw in raws])(1))
        began = time.perf_counter()
        crashes[STDLIB] = sum(not _survives(raw) for raw in raws)
        took[STDLIB].append(time.perf_counter() - began)
        seconds = 0.0
        crashes[MAILSPLIT] = 0
        for file in files:
            try:
                seconds += node.seconds(file, url=PIXEL.url, times=1)
            except RuntimeError:
                crashes[MAILSPLIT] += 1
        took[MAILSPLIT].append(seconds)
    tracked = sum(ours(raw).outcome is Outcome.TRACKED for raw in raws)
    size = sum(map(len, raws))
    print(f"\ncorpus: {len(raws):,} messages, {size / 1e6:.1f} MB, {tracked:,} tracked")
    for name, seconds_list in took.items():
        seconds = statistics.median(seconds_list)
        print(
            f"  {name:10}{len(raws) / seconds:10,.0f} messages/s{size / seconds / 1e6:10.1f} MB/s"
            f"{crashes[name]:6} failed"
        )


def _survives(raw: bytes) -> bool:
    with contextlib.suppress(Exception):
        stdlib_peer.rewrite(raw, PIXEL)
        return True
    return False


@contextlib.contextmanager
def _stage() -> Iterator[tuple[Mailsplit, Path]]:
    with tempfile.TemporaryDirectory() as folder, mailsplit() as node:
        yield node, Path(folder)


def main() -> int:
    """Run as a program; 1 if a bar is missed."""
    # As the service does, for all contestants in this process.
    keep_large_blocks()
    with _stage() as (node, folder):
        are_met = show_cases(node, folder)
        corpus = os.environ.get("MAIL_CORPUS")
        if corpus:
            show_corpus(Path(corpus), node)
    print("\nall bars are met" if are_met else "\nA BAR IS MISSED")
    return 0 if are_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
