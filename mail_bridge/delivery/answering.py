"""The answers for one message's recipients, in order."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from mail_bridge.delivery.metrics import DeliveryMetrics
from mail_bridge.delivery.sending import GIVEN_UP
from mail_bridge.smtp import Reply


class Replies(Protocol):
    """Where the answers come from."""

    async def reply(self, place: int) -> Reply:
        """Return the answer for the recipient at *place*, once it is known or was given up."""
        ...

    async def stop(self) -> None:
        """Send nothing more."""
        ...


class SameForAll:
    """One answer that everybody gets."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def reply(self, place: int) -> Reply:  # noqa: ARG002 - whoever it is
        """Return it."""
        return self._reply

    async def stop(self) -> None:
        """Do nothing: nothing is sent."""


class Answering:
    """Counts each answer when the client is told: see `transaction.Answers`."""

    def __init__(
        self,
        begin: Callable[[], Awaitable[Replies]],
        *,
        recipients: int,
        metrics: DeliveryMetrics,
    ) -> None:
        self._begin = begin
        self._recipients = recipients
        self._metrics = metrics
        self._began_at = time.perf_counter()
        self._replies: Replies | None = None
        self._place = 0

    async def following(self) -> Reply:
        """Return the answer for the recipient who follows, once it is known."""
        if self._replies is None:
            self._replies = await self._begin()
        return self._told(await self._replies.reply(self._place))

    async def give_up(self) -> Sequence[Reply]:
        """Send nothing more, and return the answers that are left."""
        found = self._replies or SameForAll(GIVEN_UP)
        await found.stop()
        left = range(self._place, self._recipients)
        return [self._told(await found.reply(place)) for place in left]

    def _told(self, reply: Reply) -> Reply:
        self._place += 1
        self._metrics.answered(reply)
        if self._place == self._recipients:
            self._metrics.delivery_seconds.observe(time.perf_counter() - self._began_at)
        return reply
