"""Reads a journal from where it was recorded up to, in another process than its writer's.

What cannot be read is never passed over in silence. Sequence numbers have no gaps, so
what is missing is counted exactly; only what was torn off at the very end has no number
that anyone knows, and was never promised to anyone.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

import structlog

from pixel_service.journal.folder import FoundJournal
from pixel_service.journal.record import Kind, seed_of
from pixel_service.journal.segment import segments_of
from pixel_service.journal.segment_reader import Record, SegmentReader

# Of one portion: about a commit.
_MAX_ENTRIES: Final = 1_000

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What was read at once."""

    entries: Sequence[bytes]
    """May be empty: then only the position moves."""

    segment: int
    sequence: int
    """Where the journal is recorded up to, once the entries are."""


class FutureSegment(Exception):
    """A newer program wrote the journal: only that one can read it."""


class JournalReader:
    """Reads one journal, in order, each record once.  Use one thread at a time."""

    def __init__(self, journal: FoundJournal, *, after: int) -> None:
        """Read *journal* after the sequence number *after*; 0: from the start."""
        self.journal = journal
        self._seed = seed_of(bytes.fromhex(journal.id))
        self._last = after
        self._segment: SegmentReader | None = None
        self._is_new_segment = False
        self._records: list[Record] = []
        self._passed: list[tuple[int, SegmentReader]] = []
        self._was_torn = False
        # Records that are missing and may never have been promised, and their batch.
        self._doubtful, self._doubtful_batch = 0, 0
        self.missing = 0
        """Records that were promised and cannot be read."""

    def read(self) -> Portion | None:
        """Return the next portion; None if there is nothing to read now.

        Raises:
            FutureSegment: a newer program wrote it.
            OSError: the disk cannot be read.
        """
        passed = len(self._passed)
        entries: list[bytes] = []
        while not entries and self._fill():
            entries = self._take()
        if not entries and len(self._passed) == passed:
            return None
        number = self._passed[-1][1].number if self._segment is None else self._segment.number
        return Portion(entries=entries, segment=number, sequence=self._last)

    def set_aside(self, number: int) -> None:
        """Keep the segment *number*, instead of removing it: see `release`."""
        passed = [segment for _, segment in self._passed]
        for segment in passed if self._segment is None else [*passed, self._segment]:
            if segment.number == number and not segment.is_damaged:
                segment.is_damaged = True
                self.journal.keep(segment.path)

    @property
    def has_passed_segments(self) -> bool:
        """Whether segments are read that are not removed yet."""
        return bool(self._passed)

    def release(self, sequence: int) -> None:
        """Remove the segments whose records are recorded, up to *sequence*.

        One that is damaged is set aside: perhaps somebody can read more of it.

        Raises:
            OSError: the disk failed.
        """
        while self._passed and self._passed[0][0] <= sequence:
            _, segment = self._passed[0]
            if segment.is_damaged:
                self.journal.set_aside(segment.path)
            else:
                segment.path.unlink(missing_ok=True)
            del self._passed[0]

    def is_at_end(self) -> bool:
        """Return whether everything is read and removed, and nothing more can come."""
        return (
            not (self._records or self._passed or self._segment)
            and self.journal.is_abandoned()
            and not segments_of(self.journal.folder)
        )

    def close(self) -> None:
        """Close what is open."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _take(self) -> list[bytes]:
        """Return the entries of the next records, those that were not read before."""
        entries = []
        taken, self._records = self._records[:_MAX_ENTRIES], self._records[_MAX_ENTRIES:]
        for head, payload in taken:
            # A batch whose sync failed was written once more, under the same numbers.
            if head.sequence <= self._last:
                continue
            if head.sequence > self._last + 1 or self._doubtful:
                self._notice_gap(head.sequence, head.batch_start)
            self._was_torn = self._is_new_segment = False
            self._last = head.sequence
            if head.kind == Kind.ENTRY:
                entries.append(payload)
        return entries

    def _notice_gap(self, sequence: int, batch_start: int) -> None:
        gap = sequence - self._last - 1
        # All before a batch was synced before the batch was written.
        promised = min(max(batch_start - self._last - 1, 0), gap)
        if self._doubtful and batch_start > self._doubtful_batch:
            promised += self._doubtful
            self._doubtful = 0
        if self._was_torn and gap > promised:
            self._doubtful, self._doubtful_batch = gap - promised, batch_start
        else:
            promised = max(promised, gap)
        if promised:
            self._miss(promised)

    def _miss(self, count: int) -> None:
        self.missing += count
        event = "journal segment missing" if self._is_new_segment else "journal records missing"
        segment = self._segment
        logger.error(
            event,
            journal=self.journal.id,
            segment=segment.number if segment else 0,
            after=self._last,
            missing_opens=count,
        )

    def _fill(self) -> bool:
        """Have records to take, if there are any; return whether there are."""
        while not self._records:
            # Looked at before the segment is read: what comes afterwards does no harm.
            is_abandoned = self.journal.is_abandoned()
            present = segments_of(self.journal.folder)
            segment = self._segment or self._next_segment()
            if segment is None:
                return False
            is_last = not any(number > segment.number for number, _ in present)
            self._records = segment.records()
            if self._records:
                break
            if is_last and not is_abandoned:
                if not self._skip_damage(segment):
                    return False
            elif not self._skip_to_next(segment):
                self._pass(segment, is_last=is_last)
        return True

    def _next_segment(self) -> SegmentReader | None:
        passed = {segment.path for _, segment in self._passed}
        for number, path in segments_of(self.journal.folder):
            if path in passed:
                continue
            try:
                segment = SegmentReader(path, number, seed=self._seed)
            except FileNotFoundError:  # removed by its writer, which could not write into it
                continue
            if segment.is_of_future:
                segment.close()
                raise FutureSegment(f"{path} is of a newer version")
            if segment.is_damaged:
                logger.error("journal segment's header damaged", file=str(path))
            self._segment, self._is_new_segment = segment, True
            return segment
        return None

    def _skip_damage(self, segment: SegmentReader) -> bool:
        """Pass over damage in a segment that is being written; return whether there is any.

        What is not whole may be on its way.  It is not, if a record of a later batch is
        there: that one was written when all before it was synced.
        """
        if segment.is_at_zeros():
            return False
        found = segment.next_whole(segment.rest())
        if found is None or found[1].batch_start <= self._last + 1:
            return False
        # The octets may have been looked at in the middle of a write.
        self._records = segment.records()
        return bool(self._records) or self._skip_to_next(segment)

    def _skip_to_next(self, segment: SegmentReader) -> bool:
        """Go on at the next whole record of the segment, if there is one."""
        rest = segment.rest()
        found = segment.next_whole(rest)
        if found is None:
            return False
        place, head = found
        if head.sequence > self._last + 1:
            self._was_torn = segment.is_torn(rest)
            segment.is_damaged = segment.is_damaged or not self._was_torn
            self._is_new_segment = False
        segment.skip(place)
        return True

    def _pass(self, segment: SegmentReader, *, is_last: bool) -> None:
        """Be through with *segment*."""
        rest = segment.rest()
        if rest.strip(b"\0") and not segment.is_torn(rest):
            segment.is_damaged = True
            # Of a segment that another one follows, the next number says how many are missing.
            if is_last:
                self._is_new_segment = False
                self._miss(1)
        segment.close()
        self._passed.append((self._last, segment))
        self._segment = None
