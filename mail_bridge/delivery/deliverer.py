"""A message on its way: asked about, made into copies, sent, answered for."""

import functools
from collections.abc import Iterator, Sequence
from typing import Final

import structlog

from mail_bridge.delivery.answering import Answering, Replies, SameForAll
from mail_bridge.delivery.copies import copies_of, growth
from mail_bridge.delivery.injector import Injector, Made, TrackingFailed
from mail_bridge.delivery.metrics import DeliveryMetrics
from mail_bridge.delivery.reasons import FAILURES, Untracked
from mail_bridge.delivery.sending import Send, Sending
from mail_bridge.next_hop import Connection, Copy, Pool
from mail_bridge.smtp import Reply
from mail_bridge.transaction import OwnConnection, Transaction
from mail_bridge.when_untracked import WhenUntracked
from service_runtime.frames import frames_of

# For whoever wants no mail to go on untracked.
_NOT_TRACKED: Final = Reply(451, (b"4.3.0 Tracking is not available, try again later",))

logger = structlog.get_logger()


class Deliverer:
    """Brings messages to the next hop."""

    def __init__(
        self,
        *,
        injector: Injector,
        pool: Pool,
        metrics: DeliveryMetrics,
        when_untracked: WhenUntracked,
        most_copies: int,
    ) -> None:
        """Begin.

        Args:
            injector: makes the copies.
            pool: sends them.
            metrics: counts them.
            when_untracked: what happens when the injector cannot say.
            most_copies: of one message at once, so that one to many leaves room for others.
        """
        self._injector = injector
        self._pool = pool
        self._metrics = metrics
        self._when_untracked = when_untracked
        self._most_copies = most_copies

    def deliver(
        self, transaction: Transaction, *, connection: OwnConnection | None = None
    ) -> Answering:
        """Return what the answers come from: see `transaction.Delivery`."""
        return Answering(
            functools.partial(self._begin, transaction, connection),
            recipients=len(transaction.recipients),
            metrics=self._metrics,
        )

    async def _begin(self, transaction: Transaction, connection: OwnConnection | None) -> Replies:
        made = await self._made(transaction)
        if made is None:
            return SameForAll(_NOT_TRACKED)
        copies = copies_of(transaction, [each.changes for each in made])
        if connection is None:
            return Sending(self._pool.send, copies, most=self._most_copies)
        return Sending(_through(connection), copies, most=1)

    async def _made(self, transaction: Transaction) -> Sequence[Made] | None:
        """Return what becomes of each recipient's copy; None: the client is to come again."""
        is_deferred = False
        with self._metrics.tracking_seconds.time():
            try:
                made = await self._tracked(transaction)
            except TrackingFailed as failure:
                made = [Made(untracked=failure.reason)] * len(transaction.recipients)
                is_failure = failure.reason in FAILURES
                is_deferred = is_failure and self._when_untracked is WhenUntracked.DEFER
        for each in made:
            self._metrics.made(each.untracked)
        return None if is_deferred else made

    async def _tracked(self, transaction: Transaction) -> Sequence[Made]:
        """Return what the injector makes of the copies.

        Raises:
            TrackingFailed: it makes none.
        """
        if transaction.has_one_answer and len(transaction.recipients) > 1:
            raise TrackingFailed(Untracked.SEVERAL)
        addresses = [each.address for each in transaction.recipients if each.address is not None]
        if not addresses:
            raise TrackingFailed(Untracked.ADDRESS)
        made = await self._copies(transaction.message, addresses)
        found = iter(self._small_enough(made, len(transaction.message)))
        unknown = Made(untracked=Untracked.ADDRESS)
        return [unknown if each.address is None else next(found) for each in transaction.recipients]

    async def _copies(self, message: bytes, addresses: Sequence[str]) -> Sequence[Made]:
        """Return what the injector makes; a fault of ours makes nothing, and mail goes on."""
        try:
            return await self._injector.copies(message, addresses)
        except TrackingFailed:
            raise
        except Exception as error:
            logger.error(  # noqa: TRY400 - no traceback: its values may be of a message
                "tracking failed", error=type(error).__name__, frames=frames_of(error)
            )
            raise TrackingFailed(Untracked.ERROR) from error

    def _small_enough(self, made: Sequence[Made], octets: int) -> Iterator[Made]:
        """Yield *made* of a message of so many *octets*, or the message where a pixel is too much.

        A refusal for good would be the pixel's doing.
        """
        most = self._pool.max_message_octets
        for each in made:
            is_too_large = most is not None and octets <= most < octets + growth(each.changes)
            yield Made(untracked=Untracked.NEXT_HOP) if is_too_large else each


def _through(connection: OwnConnection) -> Send:
    """Return what sends copies through a session's own connection."""
    if not isinstance(connection, Connection):
        raise TypeError("not a connection of the next hop's")

    async def send(copy: Copy) -> Sequence[Reply]:
        return (await connection.send(copy)).replies()

    return send
