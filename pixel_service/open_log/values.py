"""The values of the open log: what goes in, what comes out, and its place in between."""

import bisect
import dataclasses
import datetime as dt
import functools
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from service_runtime.message_ids import time_octets

# 128 bits, 104 of them of BLAKE2b at the least: enough that no two messages of one log ever
# share a key.
MESSAGE_KEY_OCTETS: Final = 16

# Of one page, whatever the caller asks: about 3 MiB of notifications.
MAX_PAGE_ENTRIES: Final = 10_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JournalPosition:
    """Up to where a journal is recorded, when the opens that it comes with are."""

    journal_id: str
    segment: int
    sequence: int


# Not frozen, which would take twice as long to make, and one is made for every open.
@dataclasses.dataclass(slots=True, kw_only=True)
class OpenRecord:
    """One open, for one configuration, to be appended to the log."""

    event_id: str
    """`<open>:<index>`; unique.  `<open>` sorts by time, so that the unique index stays fast."""

    configuration_id: str

    open_time: dt.datetime
    """When the fetch arrived, UTC."""

    message_key: bytes | None
    """16 octets, see `message_key`; None if opens of one message may not be linked.

    Opens are numbered per message key and configuration.
    """

    source_key: bytes | None = dataclasses.field(repr=False)
    """Tells fetching addresses apart, for bursts.  Stays in memory: it is never written."""

    agent: int
    """The number of the contract's `Agent`, for filters that do not parse."""

    confidence: int
    """The number of the contract's `Confidence`, for filters that do not parse."""

    notified: bool
    """Whether readers get it.  If not, it is only counted."""

    notification: bytes = dataclasses.field(repr=False)
    """The serialized notification, but for what the log knows: open number and burst."""

    collapsed: int = 0
    """Fetches of the message that this open stands for, besides its own."""

    def __post_init__(self) -> None:
        if self.open_time.tzinfo is not dt.UTC:
            raise ValueError(f"open_time must be UTC, got {self.open_time!r}")
        if self.notified and not self.notification:
            raise ValueError("a notified open needs a notification")


def message_key(message_id: str) -> bytes:
    """Return what tells messages apart in the log without their IDs.

    It begins with the time that the ID has, if it has one: counts of messages of one time
    are in one place then, and an append to a large log costs less.
    """
    time = time_octets(message_id)
    octets = MESSAGE_KEY_OCTETS - len(time)
    return time + hashlib.blake2b(message_id.encode(), digest_size=octets).digest()


class Position(NamedTuple):
    """A place in the log, ordered as the log is; "after" it is the next open.

    Without PostgreSQL the transaction is 0.
    """

    transaction: int
    sequence: int


BEGINNING: Final = Position(0, 0)
"""Before every open that any log ever holds."""


class LogEntry(NamedTuple):
    """One open as the log holds it.

    A tuple and not a data class, because one stream reads half a million a second.
    """

    transaction: int
    sequence: int
    configuration_id: str
    agent: int
    confidence: int
    first_open: bool
    notification: bytes
    """The complete serialized notification."""

    @property
    def position(self) -> Position:
        """Its place in the log."""
        return Position(self.transaction, self.sequence)


# Half the time of calling LogEntry, whose constructor is a Python function.
new_log_entry: Final[Callable[[tuple[int, int, str, int, int, bool, bytes]], LogEntry]] = (
    functools.partial(tuple.__new__, LogEntry)
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """What a `Page` holds, for those who want every notification and nothing else."""

    octets: Sequence[bytes]
    """Each a complete serialized notification, in log order."""
    after: Position
    at_head: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A run of entries."""

    entries: Sequence[LogEntry]
    """In log order.  May be empty although there is more: see *after*."""

    after: Position
    """Where to read on.  May be beyond the last entry, past opens that are only counted."""

    at_head: bool
    """Whether this was everything visible."""

    def within(self, max_octets: int) -> "Page":
        """Return the part of it that `count_within` allows."""
        count = count_within([len(entry.notification) for entry in self.entries], max_octets)
        if count == len(self.entries):
            return self
        entries = self.entries[:count]
        return Page(entries=entries, after=entries[-1].position, at_head=False)

    @property
    def notifications(self) -> Notifications:
        """The same without what entries are selected by."""
        return Notifications(
            octets=[entry.notification for entry in self.entries],
            after=self.after,
            at_head=self.at_head,
        )


def count_within(sizes: Sequence[int], max_octets: int) -> int:
    """Return how many of the first notifications of these *sizes* fit into *max_octets*.

    At least one if there is any: a notification that is larger than the limit still has
    to arrive.
    """
    if sum(sizes) <= max_octets:
        return len(sizes)
    return max(1, bisect.bisect_right(list(itertools.accumulate(sizes)), max_octets))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogIdentity:
    """What makes a cursor belong to a log.  Kept in the log itself."""

    log_id: str
    """32 lower-case hexadecimal digits, made when the log is created."""

    epoch: int
    """Counts how often positions were assigned again, as after a restore; from 1."""

    cursor_key: bytes = dataclasses.field(repr=False)
    """32 octets that authenticate cursors."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogStats:
    """What an operator wants to know of a log."""

    entries: int
    """Opens held, by sequence numbers: gaps of aborted writes count."""

    octets: int
    """Size of the storage."""

    earliest: Position
    head: Position
    earliest_time: dt.datetime | None
    """When the first open still held was recorded."""

    head_time: dt.datetime | None
    """When the last one was."""

    held_back_seconds: float
    """For how long readers have been held back by a transaction that is still running."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """How often messages of one configuration were opened on one day."""

    day: dt.date
    """In UTC."""

    configuration_id: str
    opens: int
    """All opens that the log holds, also those that are only counted."""

    first_opens: int
    """Those that were the first of their message."""

    collapsed_opens: int
    """Fetches beyond their message's budget: counted, and no opens of the log."""

    opens_by_agent: Mapping[int, int]
    """Opens by the number of the contract's `Agent`; without those that have none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """What trimming has removed until now."""

    entries: int = 0
    subscriptions_behind: Sequence[str] = ()
    """IDs of the subscriptions that lost opens which they had not acknowledged.

    Known at the end alone.
    """


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What erasing has done until now."""

    entries: int = 0
    examined: int = 0
    """Opens that were looked at."""

    total: int = 0
    """Opens to be looked at, by sequence numbers: gaps of aborted writes count."""

    older_state_is_read: bool = False
    """Whether octets of what was erased are left, for somebody who reads an older state.

    Known at the end alone.  Erasing again is how to get rid of them.
    """


class Revision(NamedTuple):
    """What an open is from now on."""

    agent: int
    confidence: int
    notification: bytes
    """As in `OpenRecord`: without open number and burst."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """What revising has done until now."""

    examined: int = 0
    """Opens that were looked at."""

    total: int = 0
    """Opens to be looked at, by sequence numbers: gaps of aborted writes count."""

    after: Position
    """Up to where they were looked at, and written."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLog:
    """What was recorded and could not be brought into the log."""

    is_waiting: bool = False
    """Whether opens wait, and will come into the log by themselves."""

    damaged_files: Sequence[str] = ()
    """Paths of files with opens that cannot be read to their ends."""
