"""Subscriptions: named places in the log that the service remembers for its clients."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from pixel_service.open_log.values import Position


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenFilter:
    """Which opens a reader wants, by their evidence."""

    exclude_agents: frozenset[int] = frozenset()
    """Numbers of the contract's `Agent` that are left out."""

    min_confidence: int = 0
    """Number of the contract's `Confidence`; less sure ones are left out."""

    first_open_only: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnd:
    """How a stream of a subscription has ended."""

    time: dt.datetime
    code: str
    """The name of a gRPC status."""

    reason: str
    """That of the status; empty if it has none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscription as it is kept."""

    id: str
    configuration_ids: tuple[str, ...]
    """Empty: all."""

    filter: OpenFilter
    acknowledged: Position
    create_time: dt.datetime
    acknowledge_time: dt.datetime
    """When it was last acknowledged or moved."""

    consumer_name: str = ""
    """What the newest stream called itself."""

    lag: int = 0
    """Entries between *acknowledged* and the head, matching or not."""

    fell_behind: bool = False
    """Whether retention has removed opens that were not acknowledged."""

    pause_time: dt.datetime | None = None
    """Since when it is paused; None: it is not."""

    is_streaming: bool = False
    """Whether a stream serves it now, in any process."""

    last_stream_end: StreamEnd | None = None
    """How the last of its streams that are over has ended."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The right of one stream to a subscription, until a newer one takes it."""

    subscription: Subscription
    token: str
    """Proves the right in `acknowledge`; at most 64 characters."""


class SubscriptionStore(Protocol):
    """Where subscriptions are kept: beside the opens, in the same database.

    Every change is durable when the call returns.  Every call may raise
    `LogUnavailable`; nothing has changed then, as far as is known.
    """

    async def create_subscription(
        self,
        subscription_id: str,
        *,
        start: Position,
        configuration_ids: Sequence[str] = (),
        open_filter: OpenFilter | None = None,
    ) -> Subscription:
        """Create a subscription that has acknowledged everything up to *start*.

        Raises:
            SubscriptionExists: the ID is taken.
            CursorExpired: retention has removed the open that follows *start*.
            CursorAhead: *start* is beyond the end of the log.
        """

    async def get_subscription(self, subscription_id: str) -> Subscription:
        """Return a subscription.

        Raises:
            SubscriptionNotFound: there is none of this ID.
        """

    async def list_subscriptions(self, *, after_id: str, limit: int) -> Sequence[Subscription]:
        """Return up to *limit* subscriptions whose ID sorts after *after_id*, by ID."""

    async def seek_subscription(self, subscription_id: str, *, to: Position) -> Subscription:
        """Move a subscription, forth or back; end the session that it has.

        Raises:
            SubscriptionNotFound: there is none of this ID.
            CursorExpired: retention has removed the open that follows *to*.
            CursorAhead: *to* is beyond the end of the log.
        """

    async def delete_subscription(self, subscription_id: str) -> None:
        """Delete a subscription; end the session that it has.

        Raises:
            SubscriptionNotFound: there is none of this ID.
        """

    async def pause_subscription(self, subscription_id: str) -> Subscription:
        """Pause a subscription: end the stream that it has, in any process.

        Its session may still acknowledge.  Leaves one that is paused as it is.

        Raises:
            SubscriptionNotFound: there is none of this ID.
        """

    async def resume_subscription(self, subscription_id: str) -> Subscription:
        """Let streams have a subscription again.

        Raises:
            SubscriptionNotFound: there is none of this ID.
        """

    async def begin_session(self, subscription_id: str, *, consumer_name: str) -> Session:
        """Give the subscription to a new stream; end the session that it had, in any process.

        Does not check whether retention has passed the acknowledged position: the
        first `OpenLog.read` after it says so.  Whoever begins a session says with
        `end_session` that its stream has ended.

        Raises:
            SubscriptionNotFound: there is none of this ID.
            SubscriptionPaused: nobody has resumed it.
        """

    def end_session(self, session: Session, *, code: str, reason: str) -> None:
        """Have it kept how the stream of *session* has ended, soon.

        Changes nothing if a newer session, a pause or a seek has ended it before.
        """

    async def acknowledge(
        self, subscription_id: str, *, up_to: Position, session_token: str
    ) -> Position:
        """Acknowledge everything up to *up_to*; return what is acknowledged now.

        Monotonic: an older position changes nothing.  Acknowledgements that arrive
        together share a commit.

        Raises:
            SubscriptionNotFound: there is none of this ID.
            SessionStale: the token is not of the live session.
            CursorAhead: *up_to* is beyond the end of the log.
        """

    async def wait_for_acknowledgement(self, session: Session, *, beyond: Position) -> Position:
        """Return what is acknowledged once it is beyond *beyond*.

        Also sees what other processes do, within a second.  A stream runs this
        beside its reading, to learn that it may go on and that it must end.

        Raises:
            SubscriptionTakenOver: the session was ended by a newer one, or by a seek.
            SubscriptionPaused: its stream was ended by a pause.
            SubscriptionNotFound: the subscription was deleted.
        """
