"""Opens as the tests need them: the one vocabulary for them, and for logs that hold them."""

import contextlib
import dataclasses
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence

from emailopens.notification.v1.open_notification_pb2 import OpenNotification
from pixel_service.notification import number_open
from pixel_service.open_log import (
    BEGINNING,
    DayCount,
    LogEntry,
    OpenLog,
    OpenRecord,
    Position,
    Revised,
    Revision,
    Trimmed,
    connect,
)
from pixel_service.statistics import COUNTING_RULES

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

# Empties a log on PostgreSQL in a hundredth of the time that a new one takes.
EMPTY_LOG = """
TRUNCATE opens, open_counts, open_journals, open_subscriptions, open_statistics,
  open_statistics_messages, open_statistics_tracked, open_statistics_sources,
  open_webhooks, open_webhook_skips, open_objections, open_stream_owners RESTART IDENTITY;
UPDATE open_log SET trimmed_transaction = 0, trimmed_sequence = 0;
UPDATE open_statistics_state SET transaction_id = 0, sequence = 0, counted_us = 0,
  repair_transaction = NULL, repair_sequence = NULL, changes = 0, first_hour = 0, first_day = 0
"""

# An open of 16 octets that holds evidence of 8, and burst: what `number_open` completes.
UNNUMBERED = b"\x1a\x10\x22\x08"

_serial = itertools.count()


def new_open(  # noqa: PLR0913 - a test names what matters to it
    event_id: str | None = None,
    *,
    configuration_id: str = "news",
    open_time: dt.datetime = NOON,
    message_key: bytes | None = None,
    source_key: bytes | None = None,
    notified: bool = True,
    agent: int = 1,
    confidence: int = 2,
    message_id: str = "",
    octets: int = 0,
    notification: bytes | None = None,
) -> OpenRecord:
    """Return an open with a fresh event ID, unless told otherwise, and a real notification.

    *octets* make the notification longer by so many.
    """
    event_id = event_id or f"{next(_serial):022}:0"
    if notification is None:
        whole = OpenNotification(
            event_type="Open", event_id=event_id, configuration_id=configuration_id
        )
        whole.mail.message_id = message_id + "x" * octets
        notification = whole.SerializeToString() + UNNUMBERED
    return OpenRecord(
        event_id=event_id,
        configuration_id=configuration_id,
        open_time=open_time,
        message_key=message_key,
        source_key=source_key,
        agent=agent,
        confidence=confidence,
        notified=notified,
        notification=notification,
    )


def new_opens(count: int, *, configuration_id: str = "news") -> list[OpenRecord]:
    """Return *count* different opens."""
    return [new_open(configuration_id=configuration_id) for _ in range(count)]


def an_open_of(
    message_id: str = "m",
    *,
    to: Sequence[str] = (),
    destination: Sequence[str] = (),
    subject: str = "",
    configuration_id: str = "news",
) -> OpenRecord:
    """Return an open of a message with such a header."""
    plain = new_open(configuration_id=configuration_id)
    whole = OpenNotification(
        event_type="Open", event_id=plain.event_id, configuration_id=configuration_id
    )
    whole.mail.message_id = message_id
    whole.mail.destination.extend(destination)
    whole.mail.common_headers.to_mailboxes.extend(to)
    whole.mail.common_headers.subject = subject
    plain.notification = whole.SerializeToString() + UNNUMBERED
    return plain


def event_ids(items: Iterable[OpenRecord | LogEntry | OpenNotification]) -> list[str]:
    """Return the event IDs of opens, of entries that hold them, or of notifications."""
    return [event_id_of(item) if isinstance(item, LogEntry) else item.event_id for item in items]


def event_id_of(entry: LogEntry) -> str:
    """Return the event ID that the notification of *entry* says."""
    return event_id_in(entry.notification)


def event_id_in(notification: bytes) -> str:
    """Return the event ID of a notification, also of one that the log has not completed."""
    is_open = notification.endswith(UNNUMBERED)
    return OpenNotification.FromString(
        notification + (number_open(0, 0) if is_open else b"")
    ).event_id


def numbers_of(entry: LogEntry) -> tuple[int, int]:
    """Return open number and burst that the notification of *entry* says."""
    fetched = OpenNotification.FromString(entry.notification).open
    return fetched.evidence.open_number, fetched.burst


async def read_all(
    log: OpenLog,
    *,
    after: Position = BEGINNING,
    max_entries: int = 1_000,
    max_octets: int = 1_000_000,
) -> list[LogEntry]:
    """Return everything that follows *after*, page by page."""
    entries: list[LogEntry] = []
    at_head = False
    while not at_head:
        page = await log.read(after=after, max_entries=max_entries, max_octets=max_octets)
        entries += page.entries
        after, at_head = page.after, page.at_head
    return entries


async def trim(
    log: OpenLog, *, older_than: dt.timedelta | None = None, max_octets: int | None = None
) -> Trimmed:
    """Trim to the end; return what was removed."""
    *_, trimmed = [each async for each in log.trim(older_than=older_than, max_octets=max_octets)]
    return trimmed


async def erase(
    log: OpenLog, matches: Callable[[bytes], bool], *, message_keys: Collection[bytes] = ()
) -> int:
    """Erase to the end; return how many opens were erased."""
    *_, erased = [each async for each in log.erase(matches, message_keys=message_keys)]
    assert not erased.older_state_is_read
    return erased.entries


async def revise(
    log: OpenLog,
    revision_of: Callable[[bytes], Revision | None],
    *,
    after: Position | None = None,
    is_dry_run: bool = False,
) -> Revised:
    """Revise to the end; return how that went."""
    steps = log.revise(revision_of, after=after, is_dry_run=is_dry_run)
    *_, revised = [each async for each in steps]
    return revised


def revision_of(notification: bytes) -> Revision:
    """Return another judgement of an open: a scanner, surely."""
    event_id = event_id_in(notification)
    return Revision(4, 3, new_open(event_id, message_id="judged again").notification)


async def daily_counts(log: OpenLog, *, earliest_day: dt.date | None = None) -> list[DayCount]:
    """Return all counts of *log*."""
    portions = log.daily_counts(earliest_day=earliest_day)
    return [count async for counts in portions for count in counts]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogHome:
    """Where a log is kept; opens it as often as a test likes."""

    url: str

    @contextlib.asynccontextmanager
    async def connect_twice(self) -> AsyncIterator[tuple[OpenLog, OpenLog]]:
        """Open the log as two processes would; on SQLite one process has it for all."""
        async with self.connect() as log:
            if self.url.startswith("sqlite"):
                yield log, log
                return
            async with self.connect() as other:
                yield log, other

    @contextlib.asynccontextmanager
    async def connect(
        self, *, burst_window: dt.timedelta = dt.timedelta(seconds=2)
    ) -> AsyncIterator[OpenLog]:
        """Open the log as one more process would."""
        async with connect(
            self.url,
            number_open=number_open,
            counting_rules=COUNTING_RULES,
            burst_window=burst_window,
        ) as log:
            yield log
