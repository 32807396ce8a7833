"""Keeps a delivery for each webhook that is this process's to deliver."""

import asyncio
import contextlib
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import structlog

from pixel_service.errors import LogUnavailable, PixelError
from pixel_service.open_log import Webhook, WebhookLeaseLost
from pixel_service.webhooks.answers import Outcome
from pixel_service.webhooks.delivery import Delivery, Surroundings
from service_runtime.background import first_of, kept_running
from service_runtime.frames import frames_of

# How often leases are renewed, and what has changed is looked for.
_ROUND: Final = dt.timedelta(seconds=1)

# Longer than a request may take and be written down, so that nobody sends what is under
# way; short enough that a machine that dies is replaced soon.
_LEASE: Final = dt.timedelta(seconds=30)

_OWNER_OCTETS: Final = 16

logger = structlog.get_logger()


def new_owner() -> str:
    """Return a name for a process that leases webhooks: no other ever has it."""
    return secrets.token_hex(_OWNER_OCTETS)


class Deliveries:
    """The deliveries of a process, one task for each webhook it has leased."""

    def __init__(self, shared: Surroundings) -> None:
        self._shared = shared
        # Bounded as the webhooks of a log are.
        self._running: dict[str, _Running] = {}
        self._changed = asyncio.Event()
        self._has_ended = asyncio.Event()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How often what came of requests."""
        return self._shared.sender.outcomes

    def log_has_grown(self) -> None:
        """Let every delivery look for what is new."""
        for each in self._running.values():
            each.delivery.wake.set()

    def webhooks_have_changed(self) -> None:
        """Look at the webhooks at once."""
        self._changed.set()

    async def run(self) -> None:
        """Deliver until the drain begins, and let others deliver afterwards."""
        drain = self._shared.drain
        try:
            while not drain.is_draining:
                await self._look()
                await self._rest()
            await self._end_all()
        finally:
            await _wait_for([each.cancel() for each in self._running.values()])
            self._running.clear()
            with contextlib.suppress(PixelError):
                await self._shared.store.release(self._shared.owner)
            self._has_ended.set()

    async def finish(self) -> None:
        """Wait for the end of what is under way if the drain has begun, for its grace at most."""
        drain = self._shared.drain
        if drain.is_draining:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain.grace.total_seconds()):
                    await self._has_ended.wait()

    async def _look(self) -> None:
        self._changed.clear()
        try:
            leased = await self._shared.store.lease(self._shared.owner, length=_LEASE)
        except LogUnavailable:
            # What runs finds out by itself, as it cannot write down what it has delivered.
            return
        wanted = {webhook.id: webhook for webhook in leased}
        await _wait_for(
            [
                each.end() if webhook_id not in wanted else each.cancel()
                for webhook_id, each in self._running.items()
                if not each.is_of(wanted.get(webhook_id))
            ]
        )
        self._running = {
            webhook_id: each for webhook_id, each in self._running.items() if not each.task.done()
        }
        for webhook in leased:
            if webhook.id not in self._running:
                self._running[webhook.id] = _Running(webhook, self._shared)

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ROUND.total_seconds()):
                await first_of(self._changed.wait(), self._shared.drain.wait())

    async def _end_all(self) -> None:
        self._shared.pace.end()
        self._shared.reader.end()
        for each in self._running.values():
            each.end()
        tasks = {each.task for each in self._running.values()}
        if tasks:
            await asyncio.wait(tasks, timeout=self._shared.drain.grace.total_seconds())


async def _wait_for(cancelled: Iterable[asyncio.Task[None] | None]) -> None:
    """Wait for the end of tasks that end at once."""
    tasks = {task for task in cancelled if task is not None}
    if tasks:
        await asyncio.wait(tasks)


class _Running:
    """A delivery and the task that carries it out."""

    def __init__(self, webhook: Webhook, shared: Surroundings) -> None:
        self._webhook = webhook
        self._shared = shared
        self.delivery = Delivery(webhook, shared)
        self.task = asyncio.create_task(self._run())

    def is_of(self, webhook: Webhook | None) -> bool:
        """Return whether this is the delivery of *webhook* as it is now."""
        return webhook is not None and webhook.is_same_as(self._webhook)

    def end(self) -> asyncio.Task[None] | None:
        """End it after what is under way; return its task if nothing is."""
        self.delivery.end()
        return self.cancel() if self.delivery.is_waiting else None

    def cancel(self) -> asyncio.Task[None]:
        """End it now; what is under way is sent again by whoever delivers next."""
        self.task.cancel()
        return self.task

    async def _run(self) -> None:
        try:
            with self._shared.reader.followed():
                await self.delivery.run()
        except WebhookLeaseLost:
            # The next look at the webhooks says what there is to do instead.
            return
        except Exception as error:  # noqa: BLE001 - of one webhook: the others go on
            logger.error(  # noqa: TRY400 - a traceback could hold what the event says
                "delivery of a webhook died, starting it again",
                webhook=self._webhook.id,
                error=type(error).__name__,
                frames=frames_of(error),
            )


@contextlib.asynccontextmanager
async def delivering(shared: Surroundings) -> AsyncIterator[Deliveries]:
    """Deliver webhooks inside the block."""
    deliveries = Deliveries(shared)
    async with kept_running("webhooks", deliveries.run):
        yield deliveries
        await deliveries.finish()
