"""Fuzzes the rewriting with mutants of mail.

    python -m tests.fuzz.fuzz_rewrite --count 5000000

Mutant *i* of a seed is always the same octets, whatever process makes it:
``--only i`` makes it again.  What breaks a promise is written to a folder,
made as short as it gets; so is the slowest mutant.
"""

import argparse
import dataclasses
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final

from injector_service.rewriting import Outcome, Rewritten
from tests.fuzz.checks import Options, broken_promise, misplacement, some_options
from tests.fuzz.composing import make_mutant
from tests.fuzz.seeds import Seeds, load_seeds
from tests.fuzz.shorten import shortened

# How often a worker says how far it is.
_REPORT_EVERY: Final = 500

# A worker that is silent for so long hangs: in that time it does thousands of mutants.
_SILENCE_SECONDS: Final = 60

# One cause breaks many mutants; more examples of it teach nothing.
_MAX_EXAMPLES: Final = 5

# Tree builders have corners for which a tree builder of our own is not worth having: there
# a browser moves the pixel, or copies it.  One tracked real message in a thousand may have
# it there; mutants are worse.
_MAX_MISPLACED: Final = 0.001


Verdict = Callable[[bytes, Options, Rewritten], str | None]
"""Names the fault of a rewriting of a message with options, or returns None."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run does."""

    seed: int
    count: int
    seconds: float
    workers: int
    folder: Path


@dataclasses.dataclass(slots=True, kw_only=True)
class Tally:
    """What a worker, or all of them, saw."""

    mutants: int = 0
    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    findings: Counter[str] = dataclasses.field(default_factory=Counter)
    misplaced: Counter[str] = dataclasses.field(default_factory=Counter)
    worst_seconds: float = 0.0
    worst: int = -1

    def add(self, other: "Tally") -> None:
        """Take in what another one saw."""
        self.mutants += other.mutants
        self.outcomes += other.outcomes
        self.findings += other.findings
        self.misplaced += other.misplaced
        if other.worst_seconds > self.worst_seconds:
            self.worst_seconds, self.worst = other.worst_seconds, other.worst


def mutant(seed: int, index: int, seeds: Seeds) -> tuple[bytes, Options]:
    """Return mutant number *index* of *seed*, and how to rewrite it."""
    rng = random.Random(f"{seed}/{index}")
    return make_mutant(rng, seeds), some_options(rng)


def work(plan: Plan, worker: int, connection: Connection) -> None:
    """Try every *workers*-th mutant; send a tally now and then, and None at the end."""
    seeds = load_seeds()
    stop = time.monotonic() + plan.seconds
    tally = Tally()
    for index in range(worker, plan.count, plan.workers):
        raw, options = mutant(plan.seed, index, seeds)
        began = time.thread_time()
        rewritten = options.rewrite(raw)
        took = time.thread_time() - began
        tally.mutants += 1
        tally.outcomes[rewritten.outcome.name] += 1
        if took > tally.worst_seconds:
            tally.worst_seconds, tally.worst = took, index
        is_kept = False
        for verdict, count in ((broken_promise, tally.findings), (misplacement, tally.misplaced)):
            fault = verdict(raw, options, rewritten)
            if fault is not None:
                count[fault] += 1
                is_kept |= _keep(plan, index, raw, options, verdict)
        # Making a finding short takes as long as thousands of mutants.
        if is_kept or tally.mutants == _REPORT_EVERY:
            connection.send(tally)
            tally = Tally()
            if time.monotonic() > stop:
                break
    connection.send(tally)
    connection.send(None)


def _keep(plan: Plan, index: int, raw: bytes, options: Options, verdict: Verdict) -> bool:
    """Write a mutant in which *verdict* finds a fault, made short, unless there are enough."""

    def find_fault(message: bytes) -> str | None:
        return verdict(message, options, options.rewrite(message))

    fault = find_fault(raw) or "fault that comes and goes"
    name = fault.replace(" ", "-")
    if len(list(plan.folder.glob(f"{name}.*.eml"))) >= _MAX_EXAMPLES:
        return False
    short = shortened(raw, lambda less: find_fault(less) == fault)
    (plan.folder / f"{name}.{plan.seed}-{index}.eml").write_bytes(short)
    return True


def run(plan: Plan) -> Tally:
    """Run all workers to their end; a worker that dies or hangs is a finding."""
    total = Tally()
    # Forked before there are threads; a worker needs nothing of the parent.
    context = multiprocessing.get_context("fork")
    open_ends: dict[Connection, multiprocessing.process.BaseProcess] = {}
    for worker in range(plan.workers):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(plan, worker, theirs), daemon=True)
        process.start()
        theirs.close()
        open_ends[ours] = process
    while open_ends:
        ready = wait(list(open_ends), timeout=_SILENCE_SECONDS)
        if not ready:
            total.findings["a worker hangs"] += len(open_ends)
            break
        for connection in ready:
            assert isinstance(connection, Connection)
            try:
                tally = connection.recv()
            except EOFError:
                total.findings["a worker died"] += 1
                del open_ends[connection]
                continue
            if tally is None:
                del open_ends[connection]
            else:
                total.add(tally)
                _show_progress(total)
    return total


def _show_progress(total: Tally) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{total.mutants:,} mutants, {total.findings.total()} findings",
            end="",
            file=sys.stderr,
        )


def report(plan: Plan, total: Tally) -> None:
    """Print what was seen, and keep the slowest mutant."""
    print(f"{total.mutants:,} mutants of seed {plan.seed}")
    for outcome, count in total.outcomes.most_common():
        print(f"  {outcome:22}{count:>12,}")
    if total.worst >= 0:
        raw, _ = mutant(plan.seed, total.worst, load_seeds())
        (plan.folder / "slowest.eml").write_bytes(raw)
        took = total.worst_seconds * 1e3
        print(f"slowest: {took:.1f} ms, mutant {total.worst}, {len(raw):,} octets")
    if total.misplaced:
        tracked = total.outcomes[Outcome.TRACKED.name]
        print(
            f"no promise, but counted: a browser may miss the pixel or see it twice in"
            f" {total.misplaced.total():,} of {tracked:,} tracked mutants,"
            f" of which {_MAX_MISPLACED:.1%} may be so"
        )
        for fault, count in total.misplaced.most_common():
            print(f"  {fault:40}{count:>6,}, see {plan.folder}")
    for promise, count in total.findings.most_common():
        print(f"BROKEN {promise}: {count:,} mutants, see {plan.folder}")
    print(f"{total.findings.total()} broken promises")


def is_good(total: Tally) -> bool:
    """Say whether no promise was broken, and hardly a pixel is where it does not load."""
    tracked = total.outcomes[Outcome.TRACKED.name]
    return not total.findings and total.misplaced.total() <= _MAX_MISPLACED * tracked


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; 1 if the run was not good."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=5_000_000, help="mutants (default: 5 million)")
    parser.add_argument("--seconds", type=float, default=7_200, help="longest time (default: 2 h)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="for findings")
    parser.add_argument("--only", type=int, help="write this one mutant to standard output")
    parser.add_argument("--file", type=Path, help="with --only: this message, that one's options")
    given = parser.parse_args(arguments)
    if given.only is not None:
        raw, options = mutant(given.seed, given.only, load_seeds())
        if given.file is not None:
            raw = given.file.read_bytes()
        sys.stdout.buffer.write(options.rewrite(raw).message(raw))
        print(options, file=sys.stderr)
        print(broken_promise(raw, options, options.rewrite(raw)) or "keeps all", file=sys.stderr)
        return 0
    given.folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        seed=given.seed,
        count=given.count,
        seconds=given.seconds,
        workers=given.workers,
        folder=given.folder,
    )
    total = run(plan)
    report(plan, total)
    return 0 if is_good(total) else 1


if __name__ == "__main__":
    raise SystemExit(main())
