"""Opens as the tests of the log need them: what happened is told by the octets."""

import contextlib
import dataclasses
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Sequence

from pixel_service.open_log import BEGINNING, LogEntry, OpenLog, OpenRecord, Position, connect

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

# Empties a log on PostgreSQL in a hundredth of the time that a new one takes.
EMPTY_LOG = """
TRUNCATE opens, open_counts, open_subscriptions RESTART IDENTITY;
UPDATE open_log SET trimmed_transaction = 0, trimmed_sequence = 0
"""

_serial = itertools.count()


def number_open(open_number: int, burst: int) -> bytes:
    """Stands for the real one: octets that say what they were made from."""
    return f"|{open_number},{burst}".encode()


def new_open(
    event_id: str | None = None,
    *,
    configuration_id: str = "news",
    open_time: dt.datetime = NOON,
    message_key: bytes | None = None,
    source_key: bytes | None = None,
    notified: bool = True,
    agent: int = 1,
    notification: bytes | None = None,
) -> OpenRecord:
    """Return an open with a fresh event ID, unless told otherwise."""
    event_id = event_id or f"{next(_serial):022}:0"
    return OpenRecord(
        event_id=event_id,
        configuration_id=configuration_id,
        open_time=open_time,
        message_key=message_key,
        source_key=source_key,
        agent=agent,
        confidence=2,
        notified=notified,
        notification=event_id.encode() if notification is None else notification,
    )


def new_opens(count: int) -> list[OpenRecord]:
    """Return *count* different opens."""
    return [new_open() for _ in range(count)]


def event_ids(items: Sequence[OpenRecord] | Sequence[LogEntry]) -> list[str]:
    """Return the event IDs of opens, or of the entries that hold them."""
    return [item.event_id if isinstance(item, OpenRecord) else event_id_of(item) for item in items]


def event_id_of(entry: LogEntry) -> str:
    """Return the event ID that the notification of *entry* says."""
    return entry.notification.split(b"|")[0].decode()


def numbers_of(entry: LogEntry) -> tuple[int, int]:
    """Return open number and burst that the notification of *entry* says."""
    open_number, burst = entry.notification.split(b"|")[1].split(b",")
    return int(open_number), int(burst)


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogHome:
    """Where a log is kept; opens it as often as a test likes."""

    url: str

    @contextlib.asynccontextmanager
    async def connect(
        self, *, burst_window: dt.timedelta = dt.timedelta(seconds=2)
    ) -> AsyncIterator[OpenLog]:
        """Open the log as one more process would."""
        async with connect(self.url, number_open=number_open, burst_window=burst_window) as log:
            yield log
