"""Brings what waits in the spool into the log, before somebody is erased from it."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Final

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import OpenLog, OutsideLog
from pixel_service.recording.spool import open_spool

# How long running processes have to drain what they spooled.  They begin at the latest
# 2 s after the log answers, and need about a second for 10,000 opens.
DEFAULT_PATIENCE: Final = dt.timedelta(seconds=10)
_LOOK: Final = dt.timedelta(milliseconds=100)

# Opens of one append, as the recorder has it.
_BATCH_OPENS: Final = 1_000


async def empty_spool(
    folder: Path, log: OpenLog, *, patience: dt.timedelta = DEFAULT_PATIENCE
) -> OutsideLog:
    """Bring what waits in the spool in *folder* into *log*; return what is not there then.

    What dead processes left is appended here.  Running ones, this one included, drain
    their own, and have *patience* to do it.

    Raises:
        LogUnavailable: the log does not take them, or the spool cannot be used.
    """
    try:
        if _is_there(folder):
            await _append_left_behind(folder, log)
    except OSError as error:
        raise LogUnavailable(f"the spool cannot be used: {error.strerror}") from error
    for _ in range(patience // _LOOK):
        if not _has_opens(folder):
            break
        await asyncio.sleep(_LOOK.total_seconds())
    return OutsideLog(is_waiting=_has_opens(folder), damaged_files=_damaged_files(folder))


def _damaged_files(folder: Path) -> tuple[str, ...]:
    """Name the files that were set aside because they could not be read to their ends."""
    return tuple(str(path) for path in sorted(folder.glob("*/*.damaged")))


async def _append_left_behind(folder: Path, log: OpenLog) -> None:
    with open_spool(folder) as spool:
        # Finite: nobody appends to this slot.  In threads, because a file takes the disk
        # milliseconds, and pixels are answered meanwhile.
        while (spooled := await asyncio.to_thread(spool.oldest)) is not None:
            for start in range(0, len(spooled.opens), _BATCH_OPENS):
                await log.append(spooled.opens[start : start + _BATCH_OPENS])
            await asyncio.to_thread(spool.remove, spooled)


def _is_there(folder: Path) -> bool:
    # Opening would make one.
    return folder.is_dir()


def _has_opens(folder: Path) -> bool:
    return any(_size_of(path) for path in folder.glob("*/*.spool"))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # drained since it was listed
        return 0
