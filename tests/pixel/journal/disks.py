"""Disks that fail, and disks that forget, for journals."""

import asyncio
import contextlib
import datetime as dt
import errno
import random
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from pixel_service.journal import FoundJournal, Journal, JournalReader, Journals
from pixel_service.journal.disk import Disk
from pixel_service.journal.segment_writer import SegmentWriter
from pixel_service.journal.wake import Waker

JOURNAL_ID = bytes(range(16))

SECTOR_OCTETS = 512


class FailingDisk(Disk):
    """Fails as it is told."""

    def __init__(self) -> None:
        self.fails: set[str] = set()
        """Names of the calls that fail now."""
        self.fail_once: set[str] = set()
        self.hangs = threading.Event()
        self.hangs.set()

    def _check(self, call: str) -> None:
        if call in self.fails or call in self.fail_once:
            self.fail_once.discard(call)
            raise OSError(errno.EIO, "the disk fails")

    def create(self, path: Path, octets: int, start: bytes) -> int:
        self._check("create")
        return super().create(path, octets, start)

    def write(self, descriptor: int, octets: bytes, offset: int) -> None:
        self._check("write")
        super().write(descriptor, octets, offset)

    def sync(self, descriptor: int) -> None:
        self.hangs.wait()
        self._check("sync")
        super().sync(descriptor)


class ForgetfulDisk(Disk):
    """Remembers what each file had when it was last synced, and what was written since."""

    def __init__(self) -> None:
        self._paths: dict[int, Path] = {}
        self._synced: dict[Path, bytearray] = {}
        self._since: dict[Path, list[tuple[int, bytes]]] = {}
        self.fails = False

    def create(self, path: Path, octets: int, start: bytes) -> int:
        descriptor = super().create(path, octets, start)
        self._paths[descriptor] = path
        self._synced[path] = bytearray(path.read_bytes())
        self._since[path] = []
        return descriptor

    def write(self, descriptor: int, octets: bytes, offset: int) -> None:
        super().write(descriptor, octets, offset)
        if descriptor in self._paths:
            self._since[self._paths[descriptor]].append((offset, octets))

    def sync(self, descriptor: int) -> None:
        if self.fails:
            raise OSError(errno.EIO, "the disk fails")
        path = self._paths[descriptor]
        for offset, octets in self._since[path]:
            self._synced[path][offset : offset + len(octets)] = octets
        self._since[path].clear()

    def lose_power(self, chance: random.Random) -> None:
        """Leave in the files what was synced, and of the rest some sectors."""
        for path, octets in self._synced.items():
            for offset, written in self._since[path]:
                self._keep_some(octets, offset, written, chance)
            if path.exists():
                path.write_bytes(octets)

    def _keep_some(
        self, octets: bytearray, offset: int, written: bytes, chance: random.Random
    ) -> None:
        end = offset + len(written)
        start = offset
        while start < end:
            stop = min(end, (start // SECTOR_OCTETS + 1) * SECTOR_OCTETS)
            if chance.random() < 0.5:
                octets[start:stop] = written[start - offset : stop - offset]
            start = stop


def a_folder(folder: Path) -> Path:
    """Make the folder of a journal whose process is gone."""
    journal = folder / JOURNAL_ID.hex()
    journal.mkdir()
    return journal


def written(
    folder: Path,
    batches: Sequence[Sequence[bytes]],
    *,
    disk: Disk | None = None,
    segment_octets: int = 4_096,
) -> Path:
    """Write *batches* into a journal in *folder*; return the journal's folder."""
    journal = a_folder(folder)
    writer = SegmentWriter(
        journal,
        JOURNAL_ID,
        disk=disk or Disk(),
        max_octets=2**30,
        segment_octets=segment_octets,
    )
    for batch in batches:
        writer.write(batch)
    writer.close()
    return journal


def read_all(reader: JournalReader) -> list[bytes]:
    """Return everything that there is to read now, and remove it."""
    entries: list[bytes] = []
    while (portion := reader.read()) is not None:
        entries += portion.entries
        reader.release(portion.sequence)
    return entries


def reader_of(journal: Path, *, after: int = 0) -> JournalReader:
    """Return what reads the journal in the folder *journal*."""
    return JournalReader(FoundJournal(folder=journal), after=after)


@contextlib.asynccontextmanager
async def a_journal(
    journals: Journals, *, patience: dt.timedelta = dt.timedelta(minutes=1), **limits: object
) -> AsyncIterator[Journal]:
    """Write a journal inside the block; what is appended waits for a disk that is slow just now."""
    with journals.new_journal() as (folder, journal_id):
        waker = Waker(journals.pipe)
        journal = Journal(folder, journal_id, waker=waker, patience=patience, **limits)  # type: ignore[arg-type] # as named
        async with journal.running():
            yield journal
        waker.close()


async def until_done(futures: Sequence["asyncio.Future[None]"]) -> None:
    """Wait for *futures*."""
    await asyncio.gather(*futures)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds; the test's own timeout ends the wait."""
    while not condition():  # noqa: ASYNC110 - nothing but looking tells
        await asyncio.sleep(0.01)


def everything_in(journals: Journals) -> list[bytes]:
    """Return what all journals hold, and remove it."""
    return [
        entry for found in journals.found() for entry in read_all(JournalReader(found, after=0))
    ]
