"""What evidence costs, cold and warm, against looking a key up in a dictionary.

    python -m benchmarks.evidence

Warm: the user agent and the address have been seen before, which is how most fetches
come.  Cold: neither has been.  Everything is measured in the same run, and medians of
several rounds are printed.  `ua-parser` is measured alone with both of its engines,
because the choice between them is a dependency.

Ends with status 1 if all that evidence costs an open, warm (noted for others, judged, what
the privacy level discards taken away, serialized), exceeds LIMIT_MICROSECONDS.
"""

import datetime as dt
import gc
import itertools
import resource
import statistics
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ua_parser import basic, loaders, regex
from ua_parser.core import Domain, Resolver

from pixel_service.evidence import Evidence, Fetch, Judge, load_judge
from pixel_service.intake import RecentFetches
from pixel_service.notification import open_octets
from pixel_service.privacy import PrivacyLevel, keep_fetch

ROUNDS: Final = 9
TABLE: Final = Path(__file__).parents[1] / "tests/pixel/evidence/fetches.toml"
EVERYTHING_WARM: Final = "evidence of an open, warm"
LIMIT_MICROSECONDS: Final = 20.0
NUMBERS: Final = itertools.count()
EVERYTHING: Final = Domain.USER_AGENT | Domain.OS | Domain.DEVICE


def read_fetches() -> list[Fetch]:
    """Return the fetches of the tests' table."""
    now = dt.datetime.now(dt.UTC)
    return [
        Fetch(
            ip_address=row["ip"],
            user_agent=row["user_agent"],
            headers=row.get("headers", {}),
            open_time=now,
            acceptance_time=now - dt.timedelta(seconds=row.get("since", 0)),
        )
        for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["fetches"]
    ]


def unseen(fetches: Sequence[Fetch], count: int) -> list[Fetch]:
    """Return *count* fetches like *fetches*, no two with one user agent or address."""
    return [
        Fetch(
            ip_address=f"{11 + number % 200}.{number >> 8 & 255}.{number & 255}.{number % 251}",
            user_agent=f"{fetch.user_agent} x/{number}",
            headers=fetch.headers,
            open_time=fetch.open_time,
            acceptance_time=fetch.acceptance_time,
        )
        for number in range(count)
        for fetch in (fetches[number % len(fetches)],)
    ]


def microseconds(work: Callable[[], int]) -> float:
    """Return the median time of one unit of *work*, which returns how many it did."""
    times = []
    gc.disable()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        count = work()
        times.append((time.perf_counter() - start) / count * 1e6)
    gc.enable()
    return statistics.median(times)


def warm(judge: Callable[[Fetch], Evidence], fetches: Sequence[Fetch]) -> int:
    """Judge the same fetches again and again."""
    for _ in range(100):
        for fetch in fetches:
            judge(fetch)
    return 100 * len(fetches)


def noted(recent: RecentFetches, fetches: Sequence[Fetch]) -> int:
    """Note the same fetches again and again, always of other messages, 100 a second."""
    for fetch in [*fetches] * 100:
        number = next(NUMBERS)
        key = (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "little") * 2
        address = fetch.ip_address or "192.0.2.1"
        recent.note(key, recent.keys_of(address), fetch.user_agent, number * 10_000)
    return 100 * len(fetches)


def part_of_an_open(judge: Judge, recent: RecentFetches, fetches: Sequence[Fetch]) -> int:
    """Judge the same fetches again and again, each with all that its open needs."""
    level = PrivacyLevel.MASKED
    for _ in range(100):
        for fetch in fetches:
            number = next(NUMBERS)
            key = (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "little") * 2
            address = fetch.ip_address or "192.0.2.1"
            others = recent.note(key, recent.keys_of(address), fetch.user_agent, number * 10_000)
            judge.is_of_scanner(address)
            evidence = judge.judge_timeless(
                user_agent=fetch.user_agent,
                ip_address=fetch.ip_address,
                headers=fetch.headers,
                open_day=20_000,
                since_seconds=60.0,
                others=others,
            )
            kept = keep_fetch(
                level,
                ip_address=fetch.ip_address,
                user_agent=fetch.user_agent,
                evidence=evidence,
            )
            open_octets(kept, event_id="4hX_0aPz9QmLr7sV2dKfTw:0", open_us=1, since_us=60_000_000)
    return 100 * len(fetches)


def floor(fetches: Sequence[Fetch]) -> Callable[[], int]:
    """Return work that only looks up what was judged before."""
    known = {(fetch.user_agent, fetch.ip_address): fetch for fetch in fetches}

    def look_up() -> int:
        for _ in range(100):
            for fetch in fetches:
                known[fetch.user_agent, fetch.ip_address]
        return 100 * len(fetches)

    return look_up


def parse_all(resolve: Resolver, fetches: Sequence[Fetch]) -> int:
    """Read the client of every fetch."""
    for fetch in fetches:
        resolve(fetch.user_agent or "", EVERYTHING)
    return len(fetches)


def main() -> None:
    """Measure and print."""
    fetches = read_fetches()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    judge = load_judge()
    loading = time.perf_counter() - start
    for fetch in fetches:
        judge.judge(fetch)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    fresh = iter(
        [unseen(fetches, 1_000 * (ROUNDS + 1))[at : at + 1_000] for at in range(0, 9_000, 1_000)]
    )

    def cold() -> int:
        batch = next(fresh)
        for fetch in batch:
            judge.judge(fetch)
        return len(batch)

    rust = regex.Resolver(loaders.load_builtins())
    python = basic.Resolver(loaders.load_builtins())
    look_up = floor(fetches)
    recent = RecentFetches.new()
    rows = {
        "floor: one dictionary look-up": microseconds(look_up),
        "judgement, warm": microseconds(lambda: warm(judge.judge, fetches)),
        EVERYTHING_WARM: microseconds(lambda: part_of_an_open(judge, recent, fetches)),
        "what others show": microseconds(lambda: noted(recent, fetches)),
        "judgement, cold": microseconds(cold),
        "ua-parser alone, Rust engine": microseconds(lambda: parse_all(rust, fetches)),
        "ua-parser alone, Python engine": microseconds(lambda: parse_all(python, fetches)),
    }
    print(f"{len(fetches)} fetches, {len(judge.ruleset.rules)} rules, median of {ROUNDS} rounds")
    print(f"loading: {loading:.2f} s, {memory / 1024:.0f} MiB\n")
    smallest = min(rows.values())
    for name, value in rows.items():
        print(f"{name:32} {value:9.2f} µs, {value / smallest:7.1f} times the floor")
    if rows[EVERYTHING_WARM] > LIMIT_MICROSECONDS:
        raise SystemExit(f"evidence of an open costs more than {LIMIT_MICROSECONDS:.0f} µs")


if __name__ == "__main__":
    main()
