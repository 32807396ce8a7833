"""A process whose disk fails for a while: run it with `python -m` and a folder.

Prints to standard error, as JSON, what reading and writing gave before, while and after the
disk could not be read, and while it was full.
"""

import asyncio
import datetime as dt
import json
import sys
from collections.abc import Awaitable, Callable

from pixel_service.errors import LogUnavailable
from pixel_service.notification import number_open
from pixel_service.open_log import BEGINNING, OpenLog, connect
from pixel_service.statistics import COUNTING_RULES
from tests.pixel.open_log.log_values import new_open, new_opens, read_all
from tests.pixel.open_log.lossy_disk import LossyDisk

# More than a reader's cache holds (2 MB), so that reading goes to the disk.
_OPENS = 3_000


async def outcome_of(call: Callable[[], Awaitable[object]]) -> str:
    try:
        found = await call()
    except LogUnavailable as error:
        return f"{type(error).__name__}: {error}"
    return str(len(found)) if isinstance(found, list) else "done"


async def ways_to_read(log: OpenLog) -> list[str]:
    """Return what each way to read gave."""

    async def notifications() -> object:
        return await log.read_notifications(
            after=BEGINNING, max_entries=_OPENS, max_octets=10_000_000
        )

    return [await outcome_of(call) for call in (lambda: read_all(log), notifications)]


async def ways_to_write(log: OpenLog) -> list[str]:
    """Return what each way to write gave."""

    async def create() -> object:
        return await log.subscriptions.create_subscription("crm", start=BEGINNING)

    return [await outcome_of(call) for call in (lambda: log.append(new_opens(1)), create)]


async def trimming(log: OpenLog) -> str:
    """Return what removing all opens gave."""

    async def trim() -> object:
        async for _ in log.trim(older_than=dt.timedelta()):
            pass
        return None

    return await outcome_of(trim)


async def main(folder: str) -> None:
    disk = LossyDisk()
    outcomes = {}
    async with connect(
        f"sqlite:///{folder}/opens.db", number_open=number_open, counting_rules=COUNTING_RULES
    ) as log:
        await log.append([new_open(octets=1_000) for _ in range(_OPENS)])
        outcomes["read before"] = await ways_to_read(log)
        disk.is_unreadable = True
        outcomes["unreadable"] = await ways_to_read(log)
        disk.is_unreadable = False
        outcomes["read after"] = await ways_to_read(log)
        disk.is_full = True
        outcomes["full"] = [*await ways_to_write(log), await trimming(log)]
        disk.is_full = False
        outcomes["written after"] = await ways_to_write(log)
        outcomes["read in the end"] = await ways_to_read(log)
        outcomes["trimmed in the end"] = [await trimming(log)]
    sys.stderr.write(json.dumps(outcomes))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
