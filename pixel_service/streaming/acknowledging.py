"""Keeps a subscription's stream informed of what its client has acknowledged."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import Final

from pixel_service.errors import LogUnavailable
from pixel_service.open_log import Session, SubscriptionStore
from pixel_service.streaming.log_stream import Acknowledging
from pixel_service.streaming.window import Window
from service_runtime.background import running
from service_runtime.backoff import Backoff

# While the storage is away; the stream ends when that lasts.
_SHORTEST_RETRY: Final = dt.timedelta(milliseconds=100)
_LONGEST_RETRY: Final = dt.timedelta(seconds=1)


@contextlib.asynccontextmanager
async def acknowledging(
    store: SubscriptionStore, session: Session, *, max_outstanding: int, wake: asyncio.Event
) -> AsyncIterator[Acknowledging]:
    """Follow the acknowledgements of *session* inside the block.

    Sets *wake* at each, and when the session has ended.
    """
    window = Window(max_outstanding)
    async with running(_follow(store, session, window, wake)) as watch:
        watch.add_done_callback(lambda _: wake.set())
        yield Acknowledging(window=window, watch=watch)


async def _follow(
    store: SubscriptionStore, session: Session, window: Window, wake: asyncio.Event
) -> None:
    """Follow until the session ends.

    Raises:
        SubscriptionTakenOver: by a newer stream, or a seek.
        SubscriptionNotFound: the subscription was deleted.
    """
    backoff = Backoff(shortest=_SHORTEST_RETRY, longest=_LONGEST_RETRY)
    acknowledged = session.subscription.acknowledged
    while True:
        try:
            acknowledged = await store.wait_for_acknowledgement(session, beyond=acknowledged)
        except LogUnavailable:
            await backoff.pause()
            continue
        backoff.reset()
        window.acknowledged(acknowledged)
        wake.set()
