"""Delivers one webhook: what follows its place, in order, one event at a time."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pixel_service.errors import CursorExpired, LogUnavailable, PixelError
from pixel_service.open_log import LogEntry, Position, Webhook, WebhookState, WebhookStore
from pixel_service.streaming import Selection
from pixel_service.webhooks.answers import Answer, Outcome, failure
from pixel_service.webhooks.bodies import Body, EventUnreadable, body_of
from pixel_service.webhooks.pacing import Pace
from pixel_service.webhooks.place import Place
from pixel_service.webhooks.reading import Reader
from pixel_service.webhooks.schedule import LONGEST_WAIT_SECONDS, wait_seconds
from pixel_service.webhooks.sending import Sender
from pixel_service.webhooks.signing import secrets_at
from service_runtime.backoff import Backoff
from service_runtime.drain import Drain

# How often in a row an event is refused before it is given up; half an hour, as the waits
# between grow.
MAX_REFUSALS: Final = 10

# What was read longer ago is read again: it may have been erased, and a slow receiver would
# get it all the same, for as long as it takes for so many.
_MAX_AGE: Final = dt.timedelta(seconds=10)

# Without news the log is looked at all the same.
_MAX_QUIET: Final = dt.timedelta(seconds=5)

_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=5)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all deliveries of a process share."""

    reader: Reader
    store: WebhookStore
    sender: Sender
    owner: str
    """Who leases the webhooks."""
    drain: Drain
    """When it begins nothing more is sent; answers are waited for as long as its grace."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    pace: Pace = dataclasses.field(default_factory=Pace)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)


class Delivery:
    """Delivers a webhook until it is ended, cancelled, paused or no longer this process's."""

    def __init__(self, webhook: Webhook, shared: Surroundings) -> None:
        self._webhook = webhook
        self._shared = shared
        self._selection = Selection(
            configuration_ids=frozenset(webhook.configuration_ids), filter=webhook.filter
        )
        self._place = Place(webhook, shared.owner, shared.store)
        self._attempts = webhook.failed_attempts
        self._tried: Position | None = None
        """The event that was tried last."""
        self._refusals = 0
        """How often in a row it was refused."""
        self._is_over = False
        self.wake = asyncio.Event()
        """To be set when the log has grown."""
        self.is_waiting = False
        """Whether nothing is under way, and everything is written down."""

    def end(self) -> None:
        """Send nothing more; what is under way is written down."""
        self._is_over = True

    async def run(self) -> None:
        """Deliver.

        Raises:
            WebhookLeaseLost: somebody else does, or somebody has changed the webhook.
        """
        await self._await_next_attempt()
        backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
        while not self._is_over:
            # Cleared before reading, so that what happens while reading is seen.
            self.wake.clear()
            try:
                is_done = await self._deliver_page()
            except CursorExpired:
                await self._go_on_at_earliest()
            except LogUnavailable:
                await asyncio.sleep(backoff.next_seconds())
            except PixelError as error:
                # The log is damaged here: whoever looks at the webhook must see why it waits.
                await self._try_again_later(failure(f"the log cannot be read: {error}"))
            else:
                backoff.reset()
                if is_done:
                    await self._await_news()
        await self._place.write()

    async def _await_next_attempt(self) -> None:
        due = self._webhook.next_attempt_time
        if due is not None and (left := (due - self._shared.now()).total_seconds()) > 0:
            # No longer than anybody may ask for: the clock may have been set back.
            await self._wait(lambda: self._shared.sleep(min(left, LONGEST_WAIT_SECONDS)))

    async def _deliver_page(self) -> bool:
        """Deliver what is read at once; return whether that was everything."""
        # After a failure from the log itself: what is erased stays in memory for a while.
        page = await self._shared.reader.read(
            after=self._place.position, selection=self._selection, from_log=bool(self._attempts)
        )
        ends_at = self._shared.clock() + _MAX_AGE.total_seconds()
        for entry in page.entries:
            # Read anew after a wait: an event that was erased meanwhile is not sent.
            if self._shared.clock() > ends_at or self._is_over or not await self._deliver(entry):
                return False
        # What was tried last is no longer to be sent, if it was not delivered.
        self._attempts = 0
        await self._place.passed_over(page.after)
        return page.at_head

    async def _deliver(self, entry: LogEntry) -> bool:
        """Try once; return whether the event is done with."""
        await self._shared.pace.turn()
        if self._is_over:
            return False
        if entry.position != self._tried:
            # Another may have been erased since: what was refused of it is nothing to this one.
            self._tried, self._refusals = entry.position, 0
        try:
            body = body_of(entry.notification, self._webhook.body_format)
        except EventUnreadable as error:
            # Whoever looks at the webhook must see why it waits.
            return await self._try_again_later(failure(str(error)))
        answer = await self._shared.sender.send(
            self._webhook.url, body, secrets=secrets_at(self._shared.now(), self._webhook)
        )
        if answer.outcome is Outcome.DELIVERED:
            await self._place.delivered(entry.position)
        elif answer.outcome is Outcome.GONE:
            return await self._pause(WebhookState.PAUSED_GONE, answer)
        elif answer.outcome is Outcome.FAILED or self._refusals + 1 < MAX_REFUSALS:
            return await self._try_again_later(answer)
        elif not await self._give_up(entry, body, answer):
            return False
        self._attempts = 0
        return True

    async def _give_up(self, entry: LogEntry, body: Body, answer: Answer) -> bool:
        if not self._webhook.skips_refused:
            return await self._pause(WebhookState.PAUSED_EVENT_REFUSED, answer)
        await self._place.skip(entry.position, event_id=body.event_id, error=answer.error)
        return True

    async def _pause(self, state: WebhookState, answer: Answer) -> bool:
        await self._place.pause(state, error=answer.error)
        self._is_over = True
        return False

    async def _try_again_later(self, answer: Answer) -> bool:
        self._attempts += 1
        self._refusals = self._refusals + 1 if answer.outcome is Outcome.REFUSED else 0
        now = self._shared.now()
        seconds = wait_seconds(self._attempts, retry_after=answer.retry_after, now=now)
        await self._place.failed(
            error=answer.error,
            attempts=self._attempts,
            next_attempt_time=now + dt.timedelta(seconds=seconds),
        )
        await self._wait(lambda: self._shared.sleep(seconds))
        return False

    async def _go_on_at_earliest(self) -> None:
        with contextlib.suppress(LogUnavailable):
            await self._place.fall_behind(await self._shared.reader.earliest())

    async def _await_news(self) -> None:
        await self._place.write()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MAX_QUIET.total_seconds()):
                await self._wait(self.wake.wait)

    async def _wait(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Wait for something that may be interrupted; not at all if the end has come."""
        if self._is_over:
            return
        self.is_waiting = True
        try:
            await wait()
        finally:
            self.is_waiting = False
