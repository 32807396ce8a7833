"""Whether the log keeps up for a minute with a load that is a share of the bare handler's.

    python -m benchmarks.open_log.sustained [--seconds 60] [--share 0.25] [--connections 128]

The floor is measured before and after.  Load, endpoint process and log process share the
processors.  It keeps up if no more waits at the end than comes in two seconds.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.open_log.http_path import running_floor
from benchmarks.open_log.serving import Load, Running, load, running_service, sealed_tokens
from benchmarks.open_log.watching import MESSAGES, Asked, Sample, Streamed, loading, sample
from service_runtime.key_ring import generate_key_ring

FLOOR_SECONDS: Final = 4.0
FLOOR_CONNECTIONS: Final = 64
STEP_SECONDS: Final = 1.0

# Of fetches, that may wait at the end: what is on its way always does.
WAITING_SECONDS: Final = 2.0


def floor_per_second(floor: str) -> float:
    """Return how many fetches a second the bare handler answers."""
    tokens = sealed_tokens(MESSAGES, generate_key_ring())
    return uvloop.run(
        load(floor, tokens, seconds=FLOOR_SECONDS, connections=FLOOR_CONNECTIONS)
    ).per_second


async def sustain(
    service: Running, per_second: float, options: argparse.Namespace
) -> tuple[Load, list[Sample]]:
    """Load *service* for the time; return what was answered, and the samples until then."""
    asked = Asked(seconds=options.seconds, connections=options.connections, per_second=per_second)
    samples: list[Sample] = []
    async with loading(service, asked) as result:
        began = time.perf_counter()
        while not result.done():
            await asyncio.wait({result}, timeout=STEP_SECONDS)
            samples.append(await sample(service, Streamed(), began=began))
        return await result, samples


def main() -> None:
    """Try each share, on a new log."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--share", type=float, nargs="*", default=[0.25])
    parser.add_argument("--connections", type=int, default=128)
    options = parser.parse_args()
    print(f"{'share':>6} {'answered':>9} {'recorded':>9} {'most waiting':>13} {'at the end':>11}")
    with running_floor() as floor:
        for share in options.share:
            before = floor_per_second(floor)
            with (
                tempfile.TemporaryDirectory() as folder,
                running_service(Path(folder) / "data") as service,
            ):
                found, samples = uvloop.run(sustain(service, share * before, options))
            bare = statistics.mean([before, floor_per_second(floor)])
            waiting = [each.answered - each.recorded for each in samples]
            keeps_up = waiting[-1] <= WAITING_SECONDS * found.per_second
            recorded = samples[-1].recorded / found.seconds / bare
            print(
                f"{share:>6.2f} {found.per_second / bare:>9.2f} {recorded:>9.2f}"
                f" {max(waiting):>13,} {waiting[-1]:>11,}"
                f" {'keeps up' if keeps_up else 'does not keep up'}, p50 {found.p50_ms:.1f} ms,"
                f" p99 {found.p99_ms:.1f} ms, bare handler {bare:,.0f}/s",
                flush=True,
            )


if __name__ == "__main__":
    main()
