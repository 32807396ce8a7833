"""A process whose disk cannot be read for a while: `python -m …unreadable_disk_process FOLDER`.

Prints, a line each, what reading and appending gave before, while and after.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from pixel_service.errors import LogDamaged, LogUnavailable
from pixel_service.notification import number_open
from pixel_service.open_log import BEGINNING, OpenLog, connect
from tests.pixel.open_log.log_values import daily_counts, new_open, new_opens, read_all
from tests.pixel.open_log.lossy_disk import LossyDisk

# More than a reader's cache holds (2 MB), so that reading goes to the disk.
_OPENS = 3_000
_NOTIFICATION = bytes(1_000)


async def outcome_of(call: Callable[[], Awaitable[object]]) -> str:
    try:
        found = await call()
    except LogDamaged:
        return "damaged"
    except LogUnavailable:
        return "unavailable"
    return str(len(found)) if isinstance(found, list) else "done"


async def ways_to_read(log: OpenLog) -> list[str]:
    """Return what each way to read gave."""

    async def notifications() -> object:
        return await log.read_notifications(
            after=BEGINNING, max_entries=_OPENS, max_octets=10_000_000
        )

    ways = (lambda: read_all(log), notifications, lambda: daily_counts(log))
    return [await outcome_of(call) for call in ways]


async def main(folder: str) -> None:
    disk = LossyDisk()
    async with connect(f"sqlite:///{folder}/opens.db", number_open=number_open) as log:
        await log.append([new_open(notification=_NOTIFICATION) for _ in range(_OPENS)])
        for disk.is_unreadable in (False, True, False):
            print(*await ways_to_read(log))  # noqa: T201 - the test reads it
        await log.append(new_opens(1))
        print(*await ways_to_read(log))  # noqa: T201 - as above


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
