"""Webhooks: places in the log that the service itself delivers from, each to a URL."""

import dataclasses
import datetime as dt
import enum
from collections.abc import Sequence
from typing import Final, Protocol

from pixel_service.open_log.subscriptions import OpenFilter
from pixel_service.open_log.values import Position

# Each active one is a task with a connection of its own.
MAX_WEBHOOKS: Final = 200

# Of each webhook.  Every one signs each request, and a header field is some kB at most.
MAX_WEBHOOK_SECRETS: Final = 8

# Of each webhook, the latest.
MAX_SKIPPED_EVENTS: Final = 1_000


class WebhookState(enum.IntEnum):
    """Whether a webhook delivers; the numbers are the contract's."""

    ACTIVE = 1
    PAUSED = 2
    PAUSED_GONE = 3
    PAUSED_EVENT_REFUSED = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret:
    """What requests are signed with."""

    text: str = dataclasses.field(repr=False)
    """As the contract writes it."""

    expire_time: dt.datetime | None = None
    """From when on it signs no more; None: it is the newest one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook as it is kept."""

    id: str
    url: str = dataclasses.field(repr=False)
    """May hold a user and a password."""

    secrets: tuple[WebhookSecret, ...] = dataclasses.field(repr=False)
    """The newest first; those that sign no more are left out."""

    body_format: int
    """The number of the contract's `Webhook.Format`."""

    skips_refused: bool
    """Whether an event that is refused is skipped; otherwise the webhook is paused."""

    delivered: Position
    create_time: dt.datetime
    configuration_ids: tuple[str, ...] = ()
    """Empty: all."""

    filter: OpenFilter = dataclasses.field(default_factory=OpenFilter)
    state: WebhookState = WebhookState.ACTIVE
    revision: int = 1
    """Another after each call that changes it: what was begun before counts no more."""

    last_success_time: dt.datetime | None = None
    last_error: str = ""
    failed_attempts: int = 0
    next_attempt_time: dt.datetime | None = None
    skipped_events: int = 0
    lag: int = 0
    """Entries between *delivered* and the head, matching or not."""

    fell_behind: bool = False
    """Whether retention has removed opens that were not delivered."""

    def is_same_as(self, other: "Webhook") -> bool:
        """Return whether nobody has changed one to the other, or created it anew."""
        return (self.id, self.create_time, self.revision) == (
            other.id,
            other.create_time,
            other.revision,
        )

    @property
    def is_active(self) -> bool:
        """Whether it delivers."""
        return self.state is WebhookState.ACTIVE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SkippedEvent:
    """An event that a receiver did not take."""

    event_id: str
    skip_time: dt.datetime
    error: str
    """What the last attempt failed with; holds no personal data."""

    before: Position
    """Delivering from here sends it again."""


class WebhookLeaseLost(Exception):
    """The webhook was changed or deleted, or another process delivers it."""


class WebhookStore(Protocol):
    """Where webhooks are kept: beside the opens, in the same database.

    Every change is durable when the call returns.  Every call may raise
    `LogUnavailable`; nothing has changed then, as far as is known.  What names a webhook
    that is not there raises `WebhookNotFound`.
    """

    async def create(self, webhook: Webhook) -> Webhook:
        """Keep a new webhook.

        Raises:
            WebhookExists: the ID is taken.
            WebhookQuota: there are as many as there may be.
            CursorExpired: retention has removed the open that follows its place.
            CursorAhead: its place is beyond the end of the log.
        """

    async def get(self, webhook_id: str) -> Webhook:
        """Return a webhook."""

    async def page(self, *, after_id: str, limit: int) -> Sequence[Webhook]:
        """Return up to *limit* webhooks whose ID sorts after *after_id*, by ID."""

    async def pause(self, webhook_id: str) -> Webhook:
        """Pause one that is active; leave one that is paused as it is."""

    async def resume(self, webhook_id: str) -> Webhook:
        """Make it active, and its next attempt due."""

    async def replay(self, webhook_id: str, *, to: Position) -> Webhook:
        """Move it, forth or back; its next attempt is due.

        Raises:
            CursorExpired, CursorAhead: as `create` does.
        """

    async def rotate(self, webhook_id: str, secret: str, *, overlap: dt.timedelta) -> Webhook:
        """Give it another secret; those before sign for *overlap* more at most.

        Of more than `MAX_WEBHOOK_SECRETS` the oldest sign no more.
        """

    async def delete(self, webhook_id: str) -> None:
        """Delete it, its secrets and its list of skipped events."""

    async def skipped(
        self, webhook_id: str, *, below: int | None, limit: int
    ) -> Sequence[tuple[int, SkippedEvent]]:
        """Return what was skipped, the latest first, with the numbers to page by."""

    async def lease(self, owner: str, *, length: dt.timedelta) -> Sequence[Webhook]:
        """Return the active webhooks that *owner* delivers from now on, for *length*.

        Takes those that nobody delivers, and keeps those that it had.  All that follows
        raises `WebhookLeaseLost` if the lease does not hold, or if the webhook is not of
        the revision that was leased; nothing has changed then.
        """

    async def release(self, owner: str) -> None:
        """Let others deliver what *owner* did."""

    async def delivered(self, webhook: Webhook, owner: str, *, up_to: Position) -> None:
        """Note that an event was taken, and everything up to *up_to*."""

    async def passed_over(self, webhook: Webhook, owner: str, *, up_to: Position) -> None:
        """Note that nothing up to *up_to* is to be sent, also nothing that has failed."""

    async def failed(
        self,
        webhook: Webhook,
        owner: str,
        *,
        error: str,
        attempts: int,
        next_attempt_time: dt.datetime,
    ) -> None:
        """Note that the next event was tried *attempts* times without success."""

    async def skip(
        self,
        webhook: Webhook,
        owner: str,
        *,
        event_id: str,
        before: Position,
        up_to: Position,
        error: str,
    ) -> None:
        """List an event as skipped, if the log still holds it, and go on after it."""

    async def paused(
        self, webhook: Webhook, owner: str, *, state: WebhookState, error: str
    ) -> None:
        """Pause it, because its receiver is gone or refuses an event."""

    async def fell_behind(self, webhook: Webhook, owner: str, *, to: Position) -> None:
        """Go on at *to*: retention has removed opens that were not delivered."""
