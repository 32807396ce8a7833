"""How long it takes until the last open of a burst is streamed, and that none is lost.

    python -m benchmarks.open_log.backlog [--fetches 1000000] [--connections 64]
        [--picture docs/pictures/backlog.svg]

Many clients fetch as fast as they are answered, and one subscriber follows the log. A
million fetches take some two minutes and a gigabyte, which is removed afterwards.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.open_log.pictures import FIRST, QUIET, SECOND, picture
from benchmarks.open_log.serving import Load, Running, running_service
from benchmarks.open_log.watching import Asked, Sample, Streamed, loading, sample
from service_runtime.background import running

# Longer than this no burst of these takes.
LONGEST_SECONDS: Final = 1_200

STEP_SECONDS: Final = 0.5
PRINT_EACH: Final = 10


async def burst(service: Running, options: argparse.Namespace) -> tuple[Load, list[Sample]]:
    """Load *service*, until everything answered is streamed."""
    streamed = Streamed()
    asked = Asked(seconds=LONGEST_SECONDS, connections=options.connections, fetches=options.fetches)
    print(f"{'s':>5} {'answered':>10} {'recorded':>10} {'streamed':>10} {'waiting':>10}")
    async with running(streamed.follow(service.grpc)), loading(service, asked) as load:
        began = time.perf_counter()
        samples: list[Sample] = []
        while not (load.done() and len(streamed.event_ids) >= load.result().answers):
            if time.perf_counter() - began > LONGEST_SECONDS:
                raise SystemExit("not everything is streamed")
            await asyncio.sleep(STEP_SECONDS)
            samples.append(await sample(service, streamed, began=began))
            if not samples[-1].answered:
                # The client is still getting ready.
                began, samples = time.perf_counter(), []
            elif len(samples) % PRINT_EACH == 0:
                _print(samples[-1])
        _print(samples[-1])
        return load.result(), samples


def _print(each: Sample) -> None:
    print(
        f"{each.seconds:>5.0f} {each.answered:>10,} {each.recorded:>10,} {each.streamed:>10,}"
        f" {each.answered - each.streamed:>10,}",
        flush=True,
    )


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draw what was answered and streamed, and the difference, over time."""
    seconds = [0.0] + [each.seconds for each in samples]
    answered = [0.0] + [each.answered / 1e3 for each in samples]
    streamed = [0.0] + [each.streamed / 1e3 for each in samples]
    waiting = [max(0.0, more - less) for more, less in zip(answered, streamed, strict=True)]
    with picture(path, rows=2, inches_high=3.8) as (above, below):
        above.plot(seconds, answered, color=FIRST, label="answered")
        above.plot(seconds, streamed, color=SECOND, label="streamed")
        above.legend(frameon=False, loc="lower right")
        above.set(
            title=f"A burst of {samples[-1].answered:,} fetches",
            ylabel="opens, thousands",
            ylim=(0, None),
        )
        below.fill_between(seconds, waiting, color=QUIET, alpha=0.3, linewidth=0)
        below.plot(seconds, waiting, color=QUIET)
        below.set(
            title="Answered, and not yet streamed",
            xlabel="seconds",
            ylabel="opens, thousands",
            xlim=(0, seconds[-1]),
            ylim=(0, None),
        )


def main() -> None:
    """Print the backlog over time, and draw it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fetches", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data") as service,
    ):
        load, samples = uvloop.run(burst(service, options))
    last = samples[-1]
    print(
        f"{load.answers:,} answered in {load.seconds:.0f} s, the last streamed"
        f" {max(0.0, last.seconds - load.seconds):.1f} s after that;"
        f" at most {max(each.answered - each.streamed for each in samples):,} waited;"
        f" {load.answers - last.streamed:,} lost"
    )
    if options.picture:
        draw(samples, options.picture)


if __name__ == "__main__":
    main()
