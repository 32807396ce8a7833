"""What each process of the service holds in memory, at its start and after load.

    python -m benchmarks.open_log.memory [--seconds 4] [--workers 1]

From Linux's own accounts (`/proc`), in MB.  Resident is all that a process touches;
proportional divides what several processes share, such as libraries; its own is what would
come back if it ended.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.bars import most
from benchmarks.open_log.http_path import MESSAGES
from benchmarks.open_log.serving import load, running_service, sealed_tokens
from benchmarks.open_log.where_time_goes import processes_of

CONNECTIONS: Final = 256
KIB_PER_MB: Final = 1024

LOG_PROCESS: Final = "log process"

# The bar, for what is its own.
ENDPOINT: Final = "endpoint process"
MOST_MB: Final = 60


def memory_of(pid: int) -> Mapping[str, int]:
    """Return what Linux accounts the process *pid* for, in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def name_of(pid: int) -> str:
    """Return what the process *pid* is of the service."""
    opened = [str(each.readlink()) for each in _descriptors(pid)]
    if any(each.endswith("opens.db") for each in opened):
        return LOG_PROCESS
    if any(each.endswith(".segment") for each in opened):
        return ENDPOINT
    command = Path(f"/proc/{pid}/cmdline").read_text()
    return "supervisor" if "serve" in command else "resource tracker"


def _descriptors(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def show(moment: str) -> None:
    """Print what all processes hold now."""
    for pid in sorted(processes_of(os.getpid())):
        found = memory_of(pid)
        own = found["Private_Clean"] + found["Private_Dirty"]
        numbers = (found["Rss"], found["Pss"], own)
        name = name_of(pid)
        print(
            f"{moment:<6} {name:<16}",
            *(f"{number / KIB_PER_MB:>9.0f}" for number in numbers),
            most(MOST_MB, own / KIB_PER_MB) if name == ENDPOINT else "",
            flush=True,
        )


def main() -> None:
    """Print it before and after."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data", workers=options.workers) as service,
    ):
        tokens = sealed_tokens(MESSAGES, service.ring)
        print(f"{'':<23} {'resident':>9} {'proport.':>9} {'its own':>9}")
        # The first fetch has a journal begun, and so tells which process is which.
        uvloop.run(load(service.http, tokens, seconds=0.1, connections=1))
        show("start")
        uvloop.run(load(service.http, tokens, seconds=options.seconds, connections=CONNECTIONS))
        show("load")


if __name__ == "__main__":
    main()
