"""A process that keeps opens until it is killed; run with `python -m`.

Arguments: folder of the journals, name.  Writes the ID of each open to standard output
once it is durable.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from pixel_service.journal import Journals
from service_runtime.background import running
from tests.pixel.journal.disks import a_journal
from tests.pixel.recording.kept_values import kept

# Fetches at once, and what each waits between two: else a hundred kills on a machine that
# is busy are millions of opens.
CLIENTS = 8
PAUSE_SECONDS = 0.005


async def main(folder: str, name: str) -> None:
    """Keep opens without end."""
    serial = itertools.count()
    async with a_journal(Journals(Path(folder))) as journal, running(journal.look_after()):

        async def fetch_without_end() -> None:
            while True:
                open_id = f"{name}{next(serial):021}"
                await journal.append(kept(open_id=open_id))
                sys.stdout.write(f"{open_id}\n")
                sys.stdout.flush()
                await asyncio.sleep(PAUSE_SECONDS)

        await asyncio.gather(*(fetch_without_end() for _ in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
