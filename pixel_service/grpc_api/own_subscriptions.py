"""The subscriptions that a caller may see: to it, there are no others."""

from collections.abc import Sequence
from typing import Final

from pixel_service.errors import SubscriptionNotFound
from pixel_service.open_log import (
    OpenFilter,
    Position,
    Session,
    Subscription,
    SubscriptionStore,
)
from service_runtime.callers import Caller, current_caller

# What is read at once to find a limited caller's own among others'; there are not many more.
_PAGE: Final = 1_000


def own_subscriptions(store: SubscriptionStore) -> "OwnSubscriptions":
    """Return those of *store* that the caller of the call that runs may see."""
    return OwnSubscriptions(store, current_caller())


class OwnSubscriptions:
    """Does what a `SubscriptionStore` does with the caller's own; raises what that raises.

    A subscription is the caller's own if all that it selects is; one that selects everything
    is not that of a limited caller.  Others' are `SubscriptionNotFound`; but an ID is taken
    whoever has it.
    """

    def __init__(self, store: SubscriptionStore, caller: Caller) -> None:
        self._store = store
        self._caller = caller

    async def create(
        self,
        subscription_id: str,
        *,
        start: Position,
        configuration_ids: frozenset[str],
        open_filter: OpenFilter,
    ) -> Subscription:
        """Create a subscription; to all that is the caller's if it names nothing.

        Raises:
            ConfigurationNotAllowed: it names another's configuration.
        """
        return await self._store.create_subscription(
            subscription_id,
            start=start,
            configuration_ids=sorted(self._caller.narrowed(configuration_ids)),
            open_filter=open_filter,
        )

    async def get(self, subscription_id: str) -> Subscription:
        """Return a subscription."""
        found = await self._store.get_subscription(subscription_id)
        if not self._is_own(found):
            raise SubscriptionNotFound(subscription_id)
        return found

    async def page(self, *, after_id: str, limit: int) -> Sequence[Subscription]:
        """Return up to *limit* subscriptions whose ID sorts after *after_id*, by ID."""
        if not self._caller.configuration_ids:
            return await self._store.list_subscriptions(after_id=after_id, limit=limit)
        own: list[Subscription] = []
        while len(own) < limit:
            found = await self._store.list_subscriptions(after_id=after_id, limit=_PAGE)
            own += filter(self._is_own, found)
            if len(found) < _PAGE:
                break
            after_id = found[-1].id
        return own[:limit]

    async def seek(self, subscription_id: str, *, to: Position) -> Subscription:
        """Move a subscription."""
        await self._require_own(subscription_id)
        return await self._store.seek_subscription(subscription_id, to=to)

    async def pause(self, subscription_id: str) -> Subscription:
        """Pause a subscription."""
        await self._require_own(subscription_id)
        return await self._store.pause_subscription(subscription_id)

    async def resume(self, subscription_id: str) -> Subscription:
        """Resume a subscription."""
        await self._require_own(subscription_id)
        return await self._store.resume_subscription(subscription_id)

    async def delete(self, subscription_id: str) -> None:
        """Delete a subscription."""
        await self._require_own(subscription_id)
        await self._store.delete_subscription(subscription_id)

    async def begin_session(self, subscription_id: str, *, consumer_name: str) -> Session:
        """Give the subscription to a new stream."""
        await self._require_own(subscription_id)
        return await self._store.begin_session(subscription_id, consumer_name=consumer_name)

    async def acknowledge(
        self, subscription_id: str, *, up_to: Position, session_token: str
    ) -> Position:
        """Acknowledge everything up to *up_to*."""
        await self._require_own(subscription_id)
        return await self._store.acknowledge(
            subscription_id, up_to=up_to, session_token=session_token
        )

    async def _require_own(self, subscription_id: str) -> None:
        # Everything is an unlimited caller's: it waits for no look at what it is.
        if self._caller.configuration_ids:
            await self.get(subscription_id)

    def _is_own(self, subscription: Subscription) -> bool:
        return self._caller.may_use_all(frozenset(subscription.configuration_ids))
