"""What an append costs as the log grows, against an empty log in the same moments.

    python -m benchmarks.open_log.growth [--opens 10000000] [--picture docs/pictures/growth.svg]
        [--foreign]

Every open is of a message that was never opened before, which costs the most: each adds a
count.  Where that lies depends on the message's ID.  Those that the injector makes begin with
a time, and mail is opened as people open it, a million messages a day: a fifth within an
hour, half within six, three quarters within a day, some after weeks.  `--foreign` are IDs of
others, each at a place of its own.  After each second batch another one goes into a log that is
begun anew with each window, so whatever else the machine does hits both: the empty log is
one of half a window.  Ten million opens take some ten minutes and seven gigabytes, which
are removed afterwards.
"""

import argparse
import contextlib
import dataclasses
import itertools
import math
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from benchmarks.bars import most
from benchmarks.open_log.log_alone import new_open
from benchmarks.open_log.pictures import FIRST, QUIET, SECOND, picture
from injector_service.new_ids import new_message_id
from pixel_service.notification import number_open
from pixel_service.open_log import OpenLog, connect, message_key
from pixel_service.statistics import COUNTING_RULES
from service_runtime.times import now_us

BATCH: Final = 1_000

# Batches of the large log for one of the empty log.
BATCHES_A_FLOOR: Final = 2

# How far from the floor an append may be.
BAR: Final = 0.2

# Left for everybody else, whatever is asked for.
SPARE_OCTETS: Final = 10 * 2**30
OCTETS_AN_OPEN: Final = 800


DAY_US: Final = 86_400_000_000
OPENS_A_DAY: Final = 1_000_000

# Of a logarithmic normal distribution: the median, and how much wider or narrower.
MEDIAN_DELAY_US: Final = DAY_US // 4
DELAY_SIGMA: Final = 2.2
MOST_DELAY_US: Final = 90 * DAY_US

Keys = Callable[[], bytes]
"""Returns the key of the next message that is opened."""


def keys_of_mail() -> Keys:
    """Return the keys of messages in the order in which they are opened."""
    began_us = now_us()
    numbers = itertools.count()

    def next_key() -> bytes:
        opened_us = began_us + next(numbers) * DAY_US // OPENS_A_DAY
        delay_us = random.lognormvariate(math.log(MEDIAN_DELAY_US), DELAY_SIGMA)
        return message_key(new_message_id(opened_us - min(int(delay_us), MOST_DELAY_US)))

    return next_key


def foreign_keys() -> Keys:
    """Return the keys of messages whose IDs say nothing."""
    return lambda: os.urandom(16)


class Cost(NamedTuple):
    """Of some appends."""

    clock: float
    """Seconds, until they were durable."""

    processor: float
    """Seconds."""

    written: float
    """Octets given to the disk."""

    def of(self, floor: "Cost") -> "Cost":
        """Return what it is of *floor*."""
        # Nothing is given to a disk where there is none.
        return Cost(*(more / (less or 1) for more, less in zip(self, floor, strict=True)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a run of appends cost."""

    opens: int
    """In the log at its end."""

    cost: Cost
    """For an open, in the large log."""

    ratio: Cost
    """Of that to an open of the empty log."""


def _now() -> Cost:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return Cost(time.perf_counter(), time.process_time(), int(fields["write_bytes"]))


async def _append(log: OpenLog, keys: Keys) -> Cost:
    opens = [dataclasses.replace(new_open(), message_key=keys()) for _ in range(BATCH)]
    before = _now()
    await log.append(opens)
    return Cost(*(after - each for after, each in zip(_now(), before, strict=True)))


def _of_an_open(costs: Sequence[Cost]) -> Cost:
    return Cost(*(sum(each) / len(costs) / BATCH for each in zip(*costs, strict=True)))


async def _window(
    large: OpenLog, folder: Path, batches: int, kinds: Callable[[], Keys], keys: Keys
) -> tuple[Cost, Cost]:
    """Append to both logs; return what an open cost in the large one and in the empty one."""
    spent, floor, keys_of_empty = [], [], kinds()
    async with connect(
        f"sqlite:///{folder}/empty.db", number_open=number_open, counting_rules=COUNTING_RULES
    ) as empty:
        for number in range(batches):
            spent.append(await _append(large, keys))
            if number % BATCHES_A_FLOOR == 0:
                floor.append(await _append(empty, keys_of_empty))
    return _of_an_open(spent), _of_an_open(floor)


async def windows(folder: Path, options: argparse.Namespace) -> AsyncGenerator[Window]:
    """Fill a log, and yield what each window of it cost."""
    batches = options.window // BATCH
    kinds = foreign_keys if options.foreign else keys_of_mail
    keys = kinds()
    async with connect(
        f"sqlite:///{folder}/large.db", number_open=number_open, counting_rules=COUNTING_RULES
    ) as large:
        for number in range(options.opens // options.window):
            with tempfile.TemporaryDirectory(dir=folder) as fresh:
                cost, floor = await _window(large, Path(fresh), batches, kinds, keys)
            yield Window(opens=(number + 1) * options.window, cost=cost, ratio=cost.of(floor))


def draw(found: Sequence[Window], path: Path) -> None:
    """Draw the ratios over the size of the log."""
    millions = [each.opens / 1e6 for each in found]
    with picture(path) as (axes,):
        axes.axhspan(1 - BAR, 1 + BAR, color=QUIET, alpha=0.15, linewidth=0)
        axes.axhline(1, color=QUIET, linewidth=0.8)
        axes.plot(millions, [each.ratio.clock for each in found], color=FIRST, label="time")
        axes.plot(
            millions, [each.ratio.processor for each in found], color=SECOND, label="processor time"
        )
        axes.legend(frameon=False, loc="upper left", ncols=2)
        axes.set(
            xlabel="opens in the log, millions (grey: within 20 %)",
            ylabel="times an empty log",
            title="What an append costs, against an empty log in the same moments",
            xlim=(0, millions[-1]),
            ylim=(0, max(2.5, *(1.1 * max(each.ratio[:2]) for each in found))),
        )


async def measure(options: argparse.Namespace) -> list[Window]:
    """Print the windows as they come."""
    with tempfile.TemporaryDirectory(prefix="growth") as folder:
        if shutil.disk_usage(folder).free < options.opens * OCTETS_AN_OPEN + SPARE_OCTETS:
            raise SystemExit(f"not enough room in {folder} for {options.opens:,} opens")
        print(f"{'opens':>12} {'µs':>6} {'ratio':>6} {'CPU µs':>7} {'ratio':>6} {'octets':>7}")
        found = []
        async with contextlib.aclosing(windows(Path(folder), options)) as each_window:
            async for window in each_window:
                found.append(window)
                cost, ratio = window.cost, window.ratio
                print(
                    f"{window.opens:>12,} {1e6 * cost.clock:>6.1f} {ratio.clock:>6.2f}"
                    f" {1e6 * cost.processor:>7.1f} {ratio.processor:>6.2f} {cost.written:>7,.0f}"
                    f" {most(1 + BAR, ratio.clock)}",
                    flush=True,
                )
        return found


def main() -> None:
    """Fill one log, and draw what it cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--opens", type=int, default=10_000_000)
    parser.add_argument("--window", type=int, default=500_000)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--foreign", action="store_true")
    options = parser.parse_args()
    found = uvloop.run(measure(options))
    for name in ("clock", "processor"):
        ratios = [getattr(each.ratio, name) for each in found]
        print(
            f"{name}: median {statistics.median(ratios):.2f} times the empty log,"
            f" {min(ratios):.2f} to {max(ratios):.2f}, the last {ratios[-1]:.2f}"
        )
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
