"""Octets on the local disk, synced before anybody is told that they are kept.

Imports nothing of ours: it knows no log and no network.  `docs/journal.md` has the format
on one page; read `record` first.
"""

from pixel_service.journal.folder import FoundJournal, Journals, JournalsBusy
from pixel_service.journal.health import JournalHealth, JournalState
from pixel_service.journal.reader import FutureSegment, JournalReader, Portion
from pixel_service.journal.segment import SEGMENT_OCTETS
from pixel_service.journal.wake import Alarm, Waker
from pixel_service.journal.writer import DEFAULT_MAX_OCTETS, Journal

__all__ = [
    "DEFAULT_MAX_OCTETS",
    "SEGMENT_OCTETS",
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
