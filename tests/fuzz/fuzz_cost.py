"""Looks for messages that cost more than their size: hill-climbing on the cost of an octet.

    python -m tests.fuzz.fuzz_cost --seconds 600

First each word of the grammar is repeated, after, beside and around each other word; then
the most expensive of some random recipes is changed word by word as long as that makes an
octet more expensive.  What grows faster than its size between n and 4n is a finding, and so
is what costs several times the bar.  What it reads is processor time, because half of the
work is done inside of searches and patterns that count no steps.
"""

import argparse
import dataclasses
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.hostile import rewrite
from injector_service.rewriting import Placement
from pixel_service.notification.address import address_of
from tests.fuzz.recipes import PLACES, Place, Recipe, changed, plain_recipes, random_recipe
from tests.mail.growth import FACTOR, grows_too_fast, growth

# Sizes that are tried: the next one only while the one before was quick.
_SIZES: Final = (1 << 10, 1 << 12, 1 << 14, 1 << 16)
_PATIENCE_SECONDS: Final = 0.25

# Below this processor time says little.
_GRAIN_SECONDS: Final = 0.003

# 20 ms for 256 KB are 76 ns; small messages and what else runs make it more.
_MOST_SECONDS: Final = 0.05
_MOST_SECONDS_AN_OCTET: Final = 1e-6

# What is linear takes 4 times as long of 4 times the size, give or take what else runs.
_LEAST_LINEAR: Final = 3
_MOST_LINEAR: Final = 5

# What an open's To field may hold: a URL has no room for more.
_MOST_MAILBOX_CHARACTERS: Final = 1_900

# Changes in a row that make an octet no more expensive: then a climb is over.
_MAX_FAILURES: Final = 25
_RANDOM_STARTS: Final = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a recipe costs at the largest size that was tried."""

    seconds: float
    octets: int
    finding: str | None = None

    @property
    def an_octet(self) -> float:
        """Seconds of processor time for an octet."""
        return self.seconds / self.octets


def rewrite_both_ways(raw: bytes) -> None:
    """Rewrite with the envelope's recipient and at the end, and with neither."""
    rewrite(raw, recipients=("b@example.org",))
    rewrite(raw, placement=Placement.START)


def cost_of(recipe: Recipe) -> Cost:
    """Return what *recipe* costs, and what is wrong with that, if something is."""
    finding = _unreadable(recipe)
    before = 0.0
    for size in _SIZES:
        raw = recipe.message(size)
        seconds = _seconds(raw)
        if seconds > max(_GRAIN_SECONDS, before * FACTOR * 2) and before:
            finding = finding or _confirmed(recipe, size)
        if seconds > max(_MOST_SECONDS, _MOST_SECONDS_AN_OCTET * len(raw)):
            finding = finding or _expensive(raw)
        if finding or seconds > _PATIENCE_SECONDS:
            break
        before = seconds
    return Cost(seconds=seconds, octets=len(raw), finding=finding)


def _seconds(raw: bytes) -> float:
    began = time.thread_time()
    rewrite_both_ways(raw)
    return time.thread_time() - began


def _confirmed(recipe: Recipe, size: int) -> str | None:
    """Say that *recipe* grows too fast up to *size*, or from there, if it does.

    What grows too fast up to *size* and as fast as its size from there has a threshold that
    the smaller message did not reach: what it costs then is another finding.
    """
    for start in (size // FACTOR, size):
        if grows_too_fast(recipe.message, rewrite_both_ways, start):
            times = growth(recipe.message, rewrite_both_ways, start)
            after = growth(recipe.message, rewrite_both_ways, FACTOR * start)
            if not _LEAST_LINEAR <= after <= _MOST_LINEAR:
                return f"{FACTOR} times the size cost {times:.0f} times as much"
    return None


def _expensive(raw: bytes) -> str | None:
    best = min(_seconds(raw) for _ in range(3))
    if best <= max(_MOST_SECONDS, _MOST_SECONDS_AN_OCTET * len(raw)):
        return None
    return f"{len(raw):,} octets cost {best * 1e3:.0f} ms"


def _unreadable(recipe: Recipe) -> str | None:
    """Say that the pixel service cannot read a notification with such a recipient."""
    if recipe.place.name != "in To":
        return None
    mailbox = recipe.text(_MOST_MAILBOX_CHARACTERS).decode("utf-8", "replace")
    try:
        address_of(mailbox)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return f"no notification of it can be read: {type(error).__name__}"
    return None


def climbed(rng: random.Random, places: Sequence[Place]) -> Iterator[Recipe]:
    """Yield recipes, each made of the most expensive so far."""
    starts = [random_recipe(rng, places) for _ in range(_RANDOM_STARTS)]
    costs = [(cost_of(start), start) for start in starts]
    yield from starts
    best, recipe = max(costs, key=lambda each: each[0].an_octet)
    failures = 0
    while failures < _MAX_FAILURES:
        other = changed(rng, recipe)
        yield other
        cost = cost_of(other)
        if cost.an_octet > best.an_octet * 1.1:
            best, recipe, failures = cost, other, 0
        else:
            failures += 1


def recipes(seed: int, places: Sequence[Place]) -> Iterator[Recipe]:
    """Yield recipes without end."""
    rng = random.Random(seed)
    plain = list(plain_recipes(places))
    alone = [each for each in plain if not each.before and not each.close and len(each.unit) == 1]
    yield from alone
    # By chance, so that a short run has some of everything, and climbs in between.
    rng.shuffle(plain)
    for start in range(0, len(plain), 100):
        yield from plain[start : start + 100]
        yield from climbed(rng, places)
    while True:
        yield from climbed(rng, places)


def search(
    places: Sequence[Place] = PLACES,
    *,
    seed: int = 1,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Recipe, Cost]]:
    """Yield what was tried, with what it costs, for so many *seconds*."""
    stop = clock() + seconds
    for recipe in recipes(seed, places):
        yield recipe, cost_of(recipe)
        if clock() > stop:
            return


def first_finding(tried: Iterable[tuple[Recipe, Cost]]) -> tuple[Recipe, str] | None:
    """Return the first recipe that costs too much, and why that is too much."""
    return next(((recipe, cost.finding) for recipe, cost in tried if cost.finding), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; 1 if something costs more than its size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="for findings")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    tries = findings = 0
    worst: tuple[float, Recipe] | None = None
    for recipe, cost in search(seconds=given.seconds, seed=given.seed):
        tries += 1
        if worst is None or cost.an_octet > worst[0]:
            worst = cost.an_octet, recipe
        if cost.finding:
            findings += 1
            print(f"COSTS TOO MUCH {cost.finding}: {recipe}")
            (given.folder / f"cost.{given.seed}-{tries}.eml").write_bytes(
                recipe.message(cost.octets)
            )
    print(f"{tries:,} recipes of seed {given.seed}")
    if worst is not None:
        print(f"most expensive: {worst[0] * 1e9:.0f} ns an octet, {worst[1]}")
    print(f"{findings} findings")
    return int(findings > 0)


if __name__ == "__main__":
    raise SystemExit(main())
