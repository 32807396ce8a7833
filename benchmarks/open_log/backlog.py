"""How far the log is after the journal under load, and how long it takes to catch up.

    python -m benchmarks.open_log.backlog [--seconds 30] [--connections 8] [--step 1]

Prints, step by step, how many opens were answered and recorded, and how many wait; the bars
are the picture. After the load it goes on until the last open is in the log. With few
connections the endpoint leaves the log process time to keep up; with 64 it is a burst.
"""

import argparse
import contextlib
import dataclasses
import multiprocessing
import multiprocessing.synchronize
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.open_log.serving import Running, load, running_service, sealed_tokens

MESSAGES: Final = 30_000

# Opens that one mark of a bar stands for.
MARK_OPENS: Final = 5_000

# Longer than this the log does not take for any burst of these.
DRAIN_SECONDS: Final = 600


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the processes said at one moment."""

    seconds: float
    answered: int
    recorded: int


def counter(address: str, name: str) -> int:
    """Return the value of a counter that the process at *address* shows."""
    with urllib.request.urlopen(f"http://{address}/metrics") as response:
        for line in response.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return int(float(line.rpartition(" ")[2]))
    raise LookupError(name)


def _load(http: str, tokens: list[str], seconds: float, connections: int) -> None:
    uvloop.run(load(http, tokens, seconds=seconds, connections=connections))


def samples(service: Running, options: argparse.Namespace) -> Iterator[Sample]:
    """Load *service*, and yield what it says until everything answered is recorded."""
    host, port = service.admin.split(":")
    log = f"{host}:{int(port) + 1}"
    tokens = sealed_tokens(MESSAGES, service.ring)
    client = multiprocessing.get_context("spawn").Process(
        target=_load, args=(service.http, tokens, options.seconds, options.connections)
    )
    client.start()
    began = time.perf_counter()
    with contextlib.closing(client):
        while (passed := time.perf_counter() - began + options.step) < (
            options.seconds + DRAIN_SECONDS
        ):
            time.sleep(options.step)
            # Recorded first, so that what comes in between does not look recorded.
            recorded = counter(log, "opens_recorded_total")
            answered = counter(service.admin, "opens_durable_total")
            yield Sample(seconds=passed, answered=answered, recorded=recorded)
            if not client.is_alive() and recorded >= answered:
                client.join()
                return
        client.kill()
        client.join()
    raise SystemExit("the log did not catch up")


def main() -> None:
    """Print the backlog over time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--step", type=float, default=1)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data") as service,
    ):
        last = Sample(seconds=0, answered=0, recorded=0)
        print(f"{'s':>5} {'answered/s':>10} {'recorded/s':>10} {'waiting':>9}")
        for sample in samples(service, options):
            passed = sample.seconds - last.seconds or options.step
            waiting = sample.answered - sample.recorded
            print(
                f"{sample.seconds:>5.0f} {(sample.answered - last.answered) / passed:>10,.0f}"
                f" {(sample.recorded - last.recorded) / passed:>10,.0f} {waiting:>9,}"
                f" {'#' * (waiting // MARK_OPENS)}",
                flush=True,
            )
            last = sample
        after = max(0.0, last.seconds - options.seconds)
        print(f"{last.answered:,} opens, the last in the log {after:.0f} s after the load")


if __name__ == "__main__":
    main()
