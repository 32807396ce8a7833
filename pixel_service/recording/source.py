"""One journal on its way into the log."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import structlog

from pixel_service.journal import FoundJournal, JournalReader, Portion
from pixel_service.open_log import OpenRecord
from pixel_service.privacy import KeptOpenInvalid, canary_time, decode_open
from pixel_service.recording.notifying import opens_of
from pixel_service.recording.objected import Objected

# From here on it pays to make the next portion ready meanwhile.
_FULL_OPENS: Final = 200

logger = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A portion, as the log takes it."""

    portion: Portion
    opens: Sequence[OpenRecord]
    canary_us: int | None
    """When the last canary in it was sent, microseconds since 1970 UTC; None without one."""

    missing: int
    """How many entries before it, and in it, could not be read."""

    objected: int
    """How many of its opens are left out, because of whom they are of."""

    @property
    def is_full(self) -> bool:
        """Whether there probably is more."""
        return len(self.opens) >= _FULL_OPENS


class Source:
    """Reads *journal*, and makes ready what follows.  Use one thread at a time."""

    def __init__(self, journal: FoundJournal, objected: Objected, *, after: int) -> None:
        self.journal = journal
        self._objected = objected
        self._reader = JournalReader(journal, after=after)
        self._prepared: Prepared | None = None
        # Of the reader's missing entries those that a portion has told of.
        self._missing_told = 0

    def next(self) -> Prepared | None:
        """Return what follows; None if there is nothing now.

        Raises:
            FutureSegment: a newer program wrote it.
            OSError: the disk cannot be read.
        """
        self.prepare()
        prepared, self._prepared = self._prepared, None
        return prepared

    def prepare(self) -> None:
        """Make ready what `next` returns."""
        if self._prepared is not None:
            return
        portion = self._reader.read()
        if portion is None:
            return
        opens: list[OpenRecord] = []
        canary_us: int | None = None
        objected = 0
        missing = self._reader.missing - self._missing_told
        self._missing_told = self._reader.missing
        for entry in portion.entries:
            try:
                if (sent_us := canary_time(entry)) is not None:
                    canary_us = sent_us
                    continue
                kept = decode_open(entry)
                if self._objected.has(kept):
                    objected += 1
                else:
                    opens += opens_of(kept)
            except KeptOpenInvalid as error:
                missing += 1
                self._reader.set_aside(portion.segment)
                logger.error(  # noqa: TRY400 - the text says it all
                    "journal record not understood", text=str(error)
                )
        self._prepared = Prepared(
            portion=portion,
            opens=opens,
            canary_us=canary_us,
            missing=missing,
            objected=objected,
        )

    @property
    def has_passed_segments(self) -> bool:
        """Whether there is any that `release` may remove."""
        return self._reader.has_passed_segments

    def release(self, prepared: Prepared) -> None:
        """Remove what is recorded."""
        self._reader.release(prepared.portion.sequence)

    def set_aside(self, prepared: Prepared) -> None:
        """Keep the segment that it came from: the log's database does not take all of it."""
        self._reader.set_aside(prepared.portion.segment)

    def is_at_end(self) -> bool:
        """Return whether nothing is left of the journal, and nothing can come."""
        return self._reader.is_at_end()

    def close(self) -> None:
        """Close what is open."""
        self._reader.close()
