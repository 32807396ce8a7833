"""How long `mail-bridge filter` takes for a message, beside `python -c pass`, in turns.

    python -m benchmarks.filter_start [--rounds 40]

A program starts for each message, so that is nearly all that it takes.  The bridge answers
at once that the message has a pixel: what an injector takes is measured elsewhere.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import messages
from mail_bridge.filter import Answer, Question, Splice, Verdict
from mail_bridge.filter_socket import serving_filters

# The bar, in milliseconds, of a machine with nothing else to do.
MOST: Final = 60.0

_PIXEL: Final = b'<img src="https://opens.example.com/o/token.gif">'


async def measured(rounds: int) -> dict[str, list[float]]:
    """Let both take turns; return the milliseconds of each turn by their names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "filter"
        program = Path(sys.executable).with_name("mail-bridge")
        commands: dict[str, list[str | Path]] = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "mail-bridge filter": [
                program,
                "filter",
                "--recipient=a@example.org",
                f"--socket={path}",
            ],
        }
        turns: dict[str, list[float]] = {name: [] for name in commands}
        async with serving_filters(path, _answer):
            for _ in range(rounds):
                for name, command in commands.items():
                    turns[name].append(await asyncio.to_thread(_timed, command))
    return turns


async def _answer(_: Question) -> Answer:
    return Answer(Verdict.TRACKED, "", (Splice(100, 0, _PIXEL),))


def _timed(command: list[str | Path]) -> float:
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own program
        command, input=messages.quoted_printable(10_000), stdout=subprocess.DEVNULL, check=True
    )
    return (time.perf_counter() - began) * 1_000


def main() -> int:
    """Run as a program; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    turns = asyncio.run(measured(parser.parse_args().rounds))
    floor = statistics.median(turns["python -c pass"])
    print(f"{'10 KB':24}{'median ms':>12}{'least':>8}{'most':>8}{'x':>7}")
    for name, each in turns.items():
        median = statistics.median(each)
        print(f"{name:24}{median:12.1f}{min(each):8.1f}{max(each):8.1f}{median / floor:7.2f}")
    is_met = statistics.median(turns["mail-bridge filter"]) <= MOST
    print("" if is_met else f"MISSED (<= {MOST:g} ms)")
    return 0 if is_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
