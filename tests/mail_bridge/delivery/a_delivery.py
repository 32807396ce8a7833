"""Deliveries without a client: from a message to the answers for its recipients."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import prometheus_client

from mail_bridge.delivery import Deliverer, DeliveryMetrics, Injector, TrackingSettings
from mail_bridge.next_hop import NextHopServer, Pool
from mail_bridge.smtp import Reply
from mail_bridge.transaction import Recipient, Transaction
from service_runtime.background import running
from tests.mail_bridge.a_next_hop import ANextHop


class ADelivery:
    """What takes messages, and what it counts."""

    def __init__(self, injector: Injector, pool: Pool, settings: TrackingSettings) -> None:
        self.injector = injector
        self.registry = prometheus_client.CollectorRegistry()
        self._deliverer = Deliverer(
            injector=injector,
            pool=pool,
            metrics=DeliveryMetrics(self.registry),
            when_untracked=settings.when_untracked,
            most_copies=5,
        )

    async def deliver(self, message: bytes, *recipients: str) -> list[Reply]:
        """Return the answer for each of *recipients*."""
        to = recipients or ("reader@example.net",)
        transaction = Transaction(
            mail=b"FROM:<shop@example.org>",
            recipients=tuple(Recipient(b"TO:<%b>" % each.encode(), each) for each in to),
            message=message,
            has_one_answer=False,
        )
        answers = self._deliverer.deliver(transaction)
        try:
            return [await answers.following() for _ in to]
        finally:
            await answers.give_up()

    def untracked(self) -> dict[str, float]:
        """Return how many copies went without a pixel, by reason."""
        return {
            sample.labels["reason"]: sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "mail_bridge_untracked_total"
        }

    def tracked(self) -> float:
        """Return how many copies got one."""
        return self.registry.get_sample_value("mail_bridge_tracked_total") or 0.0


@contextlib.asynccontextmanager
async def a_delivery(
    hop: ANextHop,
    injector: str,
    *,
    watches: bool = True,
    **tracking: Any,  # noqa: ANN401 - settings by their names
) -> AsyncIterator[ADelivery]:
    """Lend a delivery to *hop*, which is started.

    Without *watches* it is not seen, except by deliveries, whether the injector is away.
    """
    given = {"deadline_seconds": 60.0, "configuration_ids": ("news",), **tracking}
    settings = TrackingSettings(injector=injector, **given)
    client = Injector(settings)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(hop.running())
        host, port = hop.address
        pool = Pool(NextHopServer(host=host, port=port))
        stack.callback(pool.close)
        await client.open()
        stack.push_async_callback(client.close)
        if watches:
            _ = await stack.enter_async_context(running(client.watch()))
        yield ADelivery(client, pool, settings)
