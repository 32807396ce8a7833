"""What reading a log backwards gives."""

import dataclasses
from collections.abc import Sequence

from pixel_service.open_log.values import LogEntry, Position


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EarlierEntries:
    """A run of entries that was read from its end to its beginning."""

    entries: Sequence[LogEntry]
    """The latest first.  May be empty although there are earlier ones: see *before*."""

    before: Position
    """Before all that was looked at: where to read on."""

    examined: int
    """Opens that were looked at, also those that are only counted or were erased."""

    at_beginning: bool
    """Whether nothing precedes."""
