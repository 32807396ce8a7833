"""Subscriptions beside the opens, in the same database."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from pixel_service.errors import (
    CursorAhead,
    SessionStale,
    SubscriptionExists,
    SubscriptionNotFound,
    SubscriptionPaused,
)
from pixel_service.open_log.cursor import encode_cursor
from pixel_service.open_log.sql import stream_statements, subscription_statements
from pixel_service.open_log.sql.live_sessions import LiveSessions
from pixel_service.open_log.sql.subscription_watch import SubscriptionWatch
from pixel_service.open_log.subscriptions import OpenFilter, Session, Subscription
from pixel_service.open_log.values import LogIdentity, Position

Answer = TypeVar("Answer")


class Database(Protocol):
    """What subscriptions need of the log that they are kept beside."""

    identity: LogIdentity

    async def head(self) -> Position:
        """Return the position of the last visible open."""

    async def earliest(self) -> Position:
        """Return the position after which every open is still there."""

    async def lag(self, after: Position) -> int:
        """Return how many entries follow a position."""

    async def check(self, after: Position) -> None:
        """Raise what `OpenLog.read` would of a position."""

    async def query(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* finds on a connection that reads."""

    async def execute(self, function: Callable[[sa.Connection], Answer]) -> Answer:
        """Return what *function* does to the database, durably."""


class SqlSubscriptions:
    """The subscriptions of a log, as `SubscriptionStore` promises them.

    What this process changes its streams learn at once; `SubscriptionWatch` asks for the rest.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watch = SubscriptionWatch(
            lambda: database.query(subscription_statements.sessions), identity=database.identity
        )
        self._live = LiveSessions(database.execute)
        self._waiting: dict[tuple[str, str], tuple[Position, list[asyncio.Future[Any]]]] = {}
        self._committing: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch what other processes do, beside the block."""
        async with self._watch.running(), self._live.running():
            try:
                yield
            finally:
                if self._committing is not None:
                    await asyncio.wait({self._committing})

    async def create_subscription(
        self,
        subscription_id: str,
        *,
        start: Position,
        configuration_ids: Sequence[str] = (),
        open_filter: OpenFilter | None = None,
    ) -> Subscription:
        """Insert its row, if the log still has what follows *start*."""
        await self._database.check(start)
        now = dt.datetime.now(dt.UTC)
        subscription = Subscription(
            id=subscription_id,
            configuration_ids=tuple(configuration_ids),
            filter=open_filter or OpenFilter(),
            acknowledged=start,
            create_time=now,
            acknowledge_time=now,
        )
        row = subscription_statements.to_row(subscription)
        if not await self._database.execute(partial(subscription_statements.create, row=row)):
            raise SubscriptionExists(subscription_id)
        return await self._from_row({**row, "alive_us": None, "clock_us": 0})

    async def get_subscription(self, subscription_id: str) -> Subscription:
        """Return a subscription, with what the log says of its lag."""
        row = await self._database.query(
            lambda connection: subscription_statements.find(
                connection, subscription_id=subscription_id
            )
        )
        return await self._from_row(_required(row, subscription_id))

    async def list_subscriptions(self, *, after_id: str, limit: int) -> Sequence[Subscription]:
        """Return a page of subscriptions, by ID."""
        rows = await self._database.query(
            lambda connection: subscription_statements.page(
                connection, after_id=after_id, limit=limit
            )
        )
        return [await self._from_row(row) for row in rows]

    async def seek_subscription(self, subscription_id: str, *, to: Position) -> Subscription:
        """Move a subscription, if the log still has what follows *to*."""
        await self._database.check(to)
        return await self._changed(subscription_id, partial(stream_statements.seek, to=to))

    async def pause_subscription(self, subscription_id: str) -> Subscription:
        """Write into its row that it is paused, and that no stream has it."""
        return await self._changed(subscription_id, stream_statements.pause)

    async def resume_subscription(self, subscription_id: str) -> Subscription:
        """Write into its row that it is not paused."""
        return await self._changed(subscription_id, stream_statements.resume)

    async def delete_subscription(self, subscription_id: str) -> None:
        """Delete its row, and tell the streams of this process."""
        deleted = await self._database.execute(
            partial(subscription_statements.delete, subscription_id=subscription_id)
        )
        if not deleted:
            raise SubscriptionNotFound(subscription_id)
        self._watch.note_deleted(subscription_id)

    async def begin_session(self, subscription_id: str, *, consumer_name: str) -> Session:
        """Write a new token into the row, which ends the session of the old one."""
        await self._live.prepare()
        with self._live.beginning(subscription_id) as token:
            begin = partial(
                stream_statements.begin_session,
                token=token,
                consumer_name=consumer_name,
                owner=self._live.owner,
            )
            row = await self._written(subscription_id, begin)
            if row["pause_us"] is not None:
                raise SubscriptionPaused(subscription_id)
            return Session(subscription=await self._from_row(row), token=token)

    def end_session(self, session: Session, *, code: str, reason: str) -> None:
        """Put the end of a session into the next commit."""
        self._live.ended(session.subscription.id, session.token, code=code, reason=reason)

    async def acknowledge(
        self, subscription_id: str, *, up_to: Position, session_token: str
    ) -> Position:
        """Put an acknowledgement into the next commit."""
        head = await self._database.head()
        if up_to > head:
            raise CursorAhead(head_cursor=encode_cursor(head, self._database.identity))
        state, transaction, sequence = await self._commit(subscription_id, session_token, up_to)
        if state == "missing":
            raise SubscriptionNotFound(subscription_id)
        if state == "stale":
            raise SessionStale(subscription_id)
        acknowledged = Position(transaction, sequence)
        self._watch.note_acknowledged(subscription_id, session_token, acknowledged)
        return acknowledged

    async def wait_for_acknowledgement(self, session: Session, *, beyond: Position) -> Position:
        """Wait for what this process or another acknowledges."""
        return await self._watch.wait(session, beyond=beyond)

    async def _changed(
        self, subscription_id: str, change: Callable[..., dict[str, Any] | None]
    ) -> Subscription:
        return await self._from_row(await self._written(subscription_id, change))

    async def _written(
        self, subscription_id: str, change: Callable[..., dict[str, Any] | None]
    ) -> dict[str, Any]:
        """Return the row that *change* has written, and tell the streams of this process."""
        found = await self._database.execute(partial(change, subscription_id=subscription_id))
        row = _required(found, subscription_id)
        known = (row["session_token"], _acknowledged_of(row), bool(row["stream_owner"]))
        self._watch.note(subscription_id, known)
        return row

    async def _commit(
        self, subscription_id: str, token: str, up_to: Position
    ) -> tuple[str, int, int]:
        """Put an acknowledgement into the next commit; return its outcome."""
        done: asyncio.Future[tuple[str, int, int]] = asyncio.get_running_loop().create_future()
        key = (subscription_id, token)
        position, waiters = self._waiting.get(key, (up_to, []))
        self._waiting[key] = (max(position, up_to), [*waiters, done])
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_waiting())
        return await done

    async def _commit_waiting(self) -> None:
        """Commit what waits, and what comes meanwhile, until nothing waits."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, {}
                await self._commit_batch(batch)
        finally:
            self._committing = None

    async def _commit_batch(
        self, batch: dict[tuple[str, str], tuple[Position, list[asyncio.Future[Any]]]]
    ) -> None:
        try:
            outcomes = await self._database.execute(
                partial(
                    subscription_statements.acknowledge,
                    acknowledgements=[(*key, *position) for key, (position, _) in batch.items()],
                )
            )
        except Exception as error:  # noqa: BLE001 - it goes to those who wait for the commit
            for _, waiters in batch.values():
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_exception(error)
            return
        for (_, waiters), outcome in zip(batch.values(), outcomes, strict=True):
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(outcome)

    async def _from_row(self, row: subscription_statements.Row) -> Subscription:
        acknowledged = _acknowledged_of(row)
        return subscription_statements.from_row(
            row,
            lag=await self._database.lag(acknowledged),
            fell_behind=acknowledged < await self._database.earliest(),
        )


def _required(row: dict[str, Any] | None, subscription_id: str) -> dict[str, Any]:
    if row is None:
        raise SubscriptionNotFound(subscription_id)
    return row


def _acknowledged_of(row: subscription_statements.Row) -> Position:
    return Position(row["acknowledged_transaction"], row["acknowledged_sequence"])
