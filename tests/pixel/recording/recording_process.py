"""A process that records opens until it is killed; run with `python -m`.

Arguments: URL of the log, folder of the spool, name.  Writes the event ID of each open
to standard output once it is durable.
"""

import asyncio
import datetime as dt
import itertools
import sys
import time
from pathlib import Path

from pixel_service.notification import number_open
from pixel_service.open_log import connect
from pixel_service.recording.recorder import Recorder
from pixel_service.recording.spool import open_spool
from tests.pixel.open_log.log_values import new_open

# Fetches at once.
CLIENTS = 8


async def main(url: str, spool_folder: str, name: str) -> None:
    """Record without end."""
    async with connect(url, number_open=number_open) as log:
        with open_spool(Path(spool_folder)) as spool:
            recorder = Recorder(log, spool, bound=dt.timedelta(milliseconds=100))
            async with recorder.running():
                serial = itertools.count()

                async def fetch_without_end() -> None:
                    while True:
                        open_ = new_open(f"{time.time_ns():020}{name}{next(serial)}:0")
                        await recorder.record([open_])
                        sys.stdout.write(f"{open_.event_id}\n")
                        sys.stdout.flush()

                await asyncio.gather(*(fetch_without_end() for _ in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
