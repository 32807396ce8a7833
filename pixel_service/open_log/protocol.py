"""What an open log promises; `tests/pixel/open_log/test_open_log.py` holds each to it."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Protocol

from pixel_service.open_log.earlier import EarlierEntries
from pixel_service.open_log.objections import ObjectionStore
from pixel_service.open_log.statistics import StatisticsStore
from pixel_service.open_log.subscriptions import SubscriptionStore
from pixel_service.open_log.values import (
    DayCount,
    Erased,
    JournalPosition,
    LogIdentity,
    LogStats,
    Notifications,
    OpenRecord,
    Page,
    Position,
    Revised,
    Revision,
    Trimmed,
)
from pixel_service.open_log.webhooks import WebhookStore


class OpenLog(Protocol):
    """A durable, append-only log of opens, in one total order.

    The order is the same for every reader, in every process, on every reading.
    Every call may raise `LogUnavailable` when the storage does not answer, and its kind
    `LogDamaged` when what the storage holds makes no sense.
    """

    identity: LogIdentity
    """Makes and reads the cursors of this log."""

    @property
    def subscriptions(self) -> SubscriptionStore:
        """The subscriptions, kept in the same database."""

    @property
    def statistics(self) -> StatisticsStore:
        """How often messages were opened, kept in the same database."""

    @property
    def objections(self) -> ObjectionStore:
        """Of whom nothing is recorded, kept in the same database."""

    @property
    def webhooks(self) -> WebhookStore:
        """The webhooks, kept in the same database."""

    @property
    def held_back_since(self) -> dt.datetime | None:
        """Since when opens are recorded that `read` must not return yet; None if none are.

        Because somebody else's transaction runs, below which readers stop.
        """

    async def append(
        self, opens: Sequence[OpenRecord], *, journal: JournalPosition | None = None
    ) -> None:
        """Append *opens*, in their order, all or none, and with them where they came from.

        When this returns, they survive a crash of the process and of the machine.
        Those whose event ID is in the log already are skipped, so a call whose
        outcome is unknown may be repeated.  Cancelling the call does not take the
        opens back.  Any number of calls may run at once; on PostgreSQL, from any number
        of processes.  *journal* is written in the same transaction, so that whoever asks
        `recorded_up_to` afterwards knows whether it was carried out.

        Opens are numbered here: an open of a message key that this configuration
        sees for the first time is its number 1, the next is 2.  Opens of one message
        key, configuration and source key within the burst window share a burst
        number, which counts from 1.  Opens without a message key have the number and
        burst 0.

        Raises:
            LogRefused: the database does not take at least one of *opens*, whenever it is
                tried.
        """

    async def recorded_up_to(self, journal_id: str) -> int:
        """Return the sequence number up to which a journal is recorded; 0: nothing of it is."""

    async def forget_journal(self, journal_id: str) -> None:
        """Forget a journal that is gone."""

    async def read(self, *, after: Position, max_entries: int, max_octets: int) -> Page:
        """Return the entries that follow *after*, up to both limits, and at least one if any.

        Never passes an open that becomes visible later: what follows a page later is
        all that will ever follow it.  Opens that are only counted, or were erased,
        are passed over; a page may therefore be empty without being at the head.

        Raises:
            CursorExpired: retention has removed the open that followed *after*.
            CursorAhead: *after* is beyond the end of the log.
            LogHole: an entry that must be there is not.
        """

    async def read_notifications(
        self, *, after: Position, max_entries: int, max_octets: int
    ) -> Notifications:
        """Return what `read` would, without what entries are selected by: a third faster."""

    async def read_earlier(self, *, up_to: Position, max_entries: int) -> EarlierEntries:
        """Return the entries up to *up_to*, the latest first: those of *max_entries* opens.

        As `read` does, it passes no open that becomes visible later, and passes over those
        that are only counted or were erased.  What retention has removed is not missed.

        Raises:
            CursorAhead: *up_to* is beyond the end of the log.
        """

    async def head(self) -> Position:
        """Return the position of the last visible open."""

    async def earliest(self) -> Position:
        """Return the position after which every open is still there."""

    async def position_at(self, time: dt.datetime) -> Position:
        """Return where to read so that the first open is the first recorded since *time*.

        That is the head if nothing was recorded since.  Never before `earliest`.
        """

    async def lag(self, after: Position) -> int:
        """Return how many entries follow *after*, matching or not.

        Exact at the head.  Elsewhere counted by sequence numbers, so that on
        PostgreSQL the gaps that aborted writes leave count, too.
        """

    async def wait_for_news(self, *, after: Position) -> None:
        """Return when `read` may have something that follows *after*.

        At once if it has already; otherwise soon after the next append in this
        process, and within 50 ms of one in another.  May return early with nothing
        new, at the latest after 30 s.
        """

    def trim(
        self, *, older_than: dt.timedelta | None = None, max_octets: int | None = None
    ) -> AsyncIterator[Trimmed]:
        """Remove the oldest opens: those recorded before an age, and those over a size.

        Goes on as long as it is iterated, in small steps, and pauses between them, so
        that appends do not feel it.  A reader that has not passed what is removed gets
        `CursorExpired`.  The position of the head stays, and so does what is appended
        after the beginning.  Space that a log's files do not need any more is given back
        where the storage does not do that by itself.
        """

    def erase(
        self, matches: Callable[[bytes], bool], *, message_keys: Collection[bytes] = ()
    ) -> AsyncIterator[Erased]:
        """Erase the opens whose serialized notification *matches*.

        Also those under *message_keys*, and those that are only counted and follow a
        match of the same message: they hold nothing to look at.  Their content is gone
        for good; their places stay, so cursors stay valid and readers pass over them.
        What was counted under their message keys is forgotten, so that the next open of
        such a message is its first.  Goes on as long as it is iterated, in small steps,
        and sees what was appended before the beginning.
        """

    def revise(
        self,
        revision_of: Callable[[bytes], Revision | None],
        *,
        after: Position | None = None,
        is_dry_run: bool = False,
    ) -> AsyncIterator[Revised]:
        """Write other judgements into opens, those that *revision_of* makes of a notification.

        Places, event IDs, numbers and bursts stay, and no reader is told: one that comes
        by later reads what is there then.  What is only counted, or is erased meanwhile,
        stays as it is.  Goes on as long as it is iterated, in small steps, from *after*
        on (None: from the beginning); what was written stays written.  Sees what was
        appended before the beginning.

        Args:
            revision_of: returns what becomes of an open with this serialized notification,
                which lacks open number and burst; None: nothing.
            after: where to begin.
            is_dry_run: whether nothing is written.
        """

    async def stats(self) -> LogStats:
        """Return what an operator wants to know."""

    def daily_counts(
        self, *, earliest_day: dt.date | None = None
    ) -> AsyncIterator[Sequence[DayCount]]:
        """Count how often messages of each configuration were opened on each day (UTC).

        All of a day at once, the newest day first, as far back as *earliest_day* or as
        retention goes; nothing once in a while, so that nobody waits long.  Also of opens
        that are only counted.  Sees what was appended before the beginning.
        """
