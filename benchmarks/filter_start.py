"""How long `mail-bridge filter` takes for a message, beside `python -c pass`, in turns.

    python -m benchmarks.filter_start [--rounds 40]

A program starts for each message, so that is nearly all that it takes.  The bridge answers
at once that the message has a pixel: what an injector takes is measured elsewhere.  The
processor's time says more where other programs want it, too.
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import messages
from mail_bridge.filter import Answer, Question, Splice, Verdict
from mail_bridge.filter_socket import serving_filters

FLOOR: Final = "python -c pass"
FILTER: Final = "mail-bridge filter"

# The bar, in milliseconds, of a machine with nothing else to do.
MOST: Final = 60.0

_PIXEL: Final = b'<img src="https://opens.example.com/o/token.gif">'


class Turn(NamedTuple):
    """Milliseconds that a program took."""

    wall: float
    processor: float


async def measured(rounds: int) -> dict[str, list[Turn]]:
    """Let both take turns; return the turns by their names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "filter"
        program = Path(sys.executable).with_name("mail-bridge")
        commands: dict[str, list[str | Path]] = {
            FLOOR: [sys.executable, "-c", "pass"],
            FILTER: [
                program,
                "filter",
                "--recipient=a@example.org",
                f"--socket={path}",
            ],
        }
        turns: dict[str, list[Turn]] = {name: [] for name in commands}
        async with serving_filters(path, _answer):
            for _ in range(rounds):
                for name, command in commands.items():
                    turns[name].append(await asyncio.to_thread(_timed, command))
    return turns


async def _answer(_: Question) -> Answer:
    return Answer(Verdict.TRACKED, "", (Splice(100, 0, _PIXEL),))


def _timed(command: list[str | Path]) -> Turn:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(  # noqa: S603 - our own program
        command, input=messages.quoted_printable(10_000), stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Turn(wall=wall * 1_000, processor=processor * 1_000)


def main() -> int:
    """Run as a program; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    turns = asyncio.run(measured(parser.parse_args().rounds))
    floor = statistics.median(turn.processor for turn in turns[FLOOR])
    print(f"{'10 KB':24}{'median ms':>12}{'least':>8}{'most':>8}{'processor ms':>14}{'x':>7}")
    medians = {}
    for name, each in turns.items():
        walls = [turn.wall for turn in each]
        processor = statistics.median(turn.processor for turn in each)
        medians[name] = statistics.median(walls)
        print(f"{name:24}{medians[name]:12.1f}{min(walls):8.1f}{max(walls):8.1f}", end="")
        print(f"{processor:14.1f}{processor / floor:7.2f}")
    is_met = medians[FILTER] <= MOST
    print("" if is_met else f"MISSED (<= {MOST:g} ms)")
    return 0 if is_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
