"""Octets on the local disk, synced before anybody is told that they are kept.

Knows no log and no network.  `docs/journal.md` has the format on one page; read
`record.py` first.
"""

from pixel_service.journal.folder import FoundJournal, Journals, JournalsBusy
from pixel_service.journal.health import JournalHealth, JournalState
from pixel_service.journal.reader import FutureSegment, JournalReader, Portion
from pixel_service.journal.wake import Alarm, Waker
from pixel_service.journal.writer import DEFAULT_MAX_OCTETS, Journal

__all__ = [
    "DEFAULT_MAX_OCTETS",
    "Alarm",
    "FoundJournal",
    "FutureSegment",
    "Journal",
    "JournalHealth",
    "JournalReader",
    "JournalState",
    "Journals",
    "JournalsBusy",
    "Portion",
    "Waker",
]
