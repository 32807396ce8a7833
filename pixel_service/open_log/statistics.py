"""Statistics: how often messages were opened, kept up by a reader of the log."""

import dataclasses
import datetime as dt
import enum
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from pixel_service.open_log.values import Position

# Opens that are counted in one transaction: 3 ms of SQLite's writer, 5 ms in which
# PostgreSQL's readers wait.  With 250, one append in ten took three times as long.
STEP_ENTRIES: Final = 100

# While nothing is recorded: 15 ms, for half of the time that each open takes in smaller ones.
REST_STEP_ENTRIES: Final = 500

# Longer there are days only: a day has at most as many counts as its hours have.
HOURS_KEPT: Final = dt.timedelta(days=35)


class Dimension(enum.IntEnum):
    """What counts are broken down by; the numbers are stored, so none is used again."""

    # Of an enumeration it is a call into Python, ten for each open.
    __hash__ = int.__hash__

    TOTAL = 0
    CONFIGURATION = 1
    TAG = 2
    AGENT = 3
    CONFIDENCE = 4
    CLIENT = 5
    MAILBOX_PROVIDER = 6
    PRIVACY_LEVEL = 7


class Interval(enum.Enum):
    """How long each element of a series is, in UTC."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Kind(enum.IntEnum):
    """Whose open it probably is."""

    UNKNOWN = 0
    PERSON = 1
    MACHINE = 2


class OpenFacts(NamedTuple):
    """What one open counts as."""

    kind: Kind
    is_surely_read: bool
    """Whether its message counts among those that were opened at least."""

    may_be_read: bool
    """Whether its message counts among those that were opened at most."""

    values: tuple[tuple[Dimension, str], ...]
    """Under what it counts, besides the total of its configuration; each once."""


FactsOf: TypeAlias = Callable[[int, int, bytes], OpenFacts]
"""Returns what an open counts as, by its agent, its confidence and its notification.

The notification lacks open number and burst, and is empty if the open is only counted.  The
same octets must count as the same for ever: what erasing takes back is worked out again.
"""


HourOf: TypeAlias = Callable[[str], int]
"""Returns in which hour a fetch arrived, in hours since 1970, by the event ID of its open."""


class CountingRules(NamedTuple):
    """What opens mean to statistics; the log itself knows octets alone."""

    facts_of: FactsOf
    hour_of: HourOf


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often messages were opened.  What is neither by persons nor machines is unknown."""

    opens: int = 0
    first_opens: int = 0
    person_opens: int = 0
    machine_opens: int = 0
    collapsed_opens: int = 0
    opened_at_least: int = 0
    opened_at_most: int = 0
    messages_tracked: int = 0
    """By what is known of opens alone, such as the agent: 0."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsQuery:
    """What is asked for."""

    start: dt.datetime
    end: dt.datetime
    """Not part of it.  Both are where an interval begins; without intervals, where a day does."""

    interval: Interval | None = None
    configuration_ids: frozenset[str] | None = None
    """None: all."""

    dimension: Dimension = Dimension.TOTAL
    tag_key: str = ""
    """With `Dimension.TAG`: only tags with this key; empty: all."""

    tag: str = ""
    """As `key=value`: only messages that have it.  Without or by configuration."""

    told_apart: frozenset[str] | None = None
    """With a dimension: its values that have rows of their own; all others are added up in
    rows of the rest.  None: every value has.  Whoever wants a series asks for the values of
    the whole span first: of a thousand tags each has a row a day."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsRow:
    """What one value has in one interval."""

    start: dt.datetime
    """Where the interval begins; without intervals, where the query does."""

    value: str
    """Empty for the total, for the rest, and where it is not known."""

    counts: Counts
    is_rest: bool = False
    """Whether this is what is not told apart."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What was counted.  Small groups are still told apart: whoever answers merges them."""

    totals: Sequence[StatisticsRow]
    """By interval, the earliest first, without those that nothing was counted in."""

    rows: Sequence[StatisticsRow]
    """With a dimension: by interval and value, without those that nothing was counted in."""

    counted_until: dt.datetime | None
    """When the last open that is counted was recorded."""

    uncounted: int
    """Opens that wait to be counted, by sequence numbers: gaps of aborted writes count."""

    tracked_until: dt.datetime | None
    """Up to when messages tracked are known of every source; None: there is none."""


class TrackedCount(NamedTuple):
    """How many messages were tracked in an hour, of one kind."""

    start_hour: int
    """In hours after 1970."""

    configuration_id: str
    dimension: Dimension
    """`TOTAL`, `TAG`, `MAILBOX_PROVIDER` or `PRIVACY_LEVEL`."""

    value: str
    messages: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrackedPage:
    """Counts of one source that have changed since a revision, each as it is now."""

    source_id: str
    after_revision: int
    """What `tracked_revision` was when they were asked for."""

    revision: int
    counts: Sequence[TrackedCount]
    """Of each kind one; a thousand at most, so that appends do not wait for them."""

    counted_until: dt.datetime
    """Everything that was tracked before is counted."""


class StatisticsStore(Protocol):
    """Where statistics are kept: beside the opens, in the same database.

    Every call may raise `LogUnavailable` when the storage does not answer.
    """

    async def read(self, query: StatisticsQuery) -> Statistics:
        """Return what *query* asks for, without reading an open."""

    def count(self) -> AsyncIterator[int]:
        """Count what is not counted yet; return, again and again, how many were looked at.

        Goes on as long as it is iterated, in small steps, and pauses between them, so that
        appends do not feel it.  Ends when nothing is left, or when another process counts.
        """

    async def count_step(self, *, max_entries: int = STEP_ENTRIES) -> int:
        """Count some opens that are not counted yet; return how many were looked at.

        Each is counted once, however many processes call this.  Zero if there is nothing to
        do.
        """

    def trim(self, *, now: dt.datetime, older_than: dt.timedelta) -> AsyncIterator[int]:
        """Remove the counts of days that are older, and those of hours after 35 days.

        Returns, again and again, how many were removed.  Opens of such a time do not count
        from then on.
        """

    async def counted(self) -> Position:
        """Return up to where opens are counted."""

    async def tracked_revision(self, source_id: str) -> int:
        """Return up to which revision of a source its counts are kept here; 0: none are."""

    async def set_tracked(self, page: TrackedPage) -> bool:
        """Replace counts of messages tracked by those of *page*.

        False, and nothing is changed, if another process has set counts of the source since
        `tracked_revision`.  Hours that are not kept any more are passed over.
        """
