"""The bridge's process: what it is made of, and in which order it ends."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import prometheus_client
import structlog

from mail_bridge.delivery import Deliverer, DeliveryMetrics, Injector, answering_filters
from mail_bridge.filter_socket import serving_filters
from mail_bridge.front import front_server
from mail_bridge.next_hop import Pool
from mail_bridge.settings import Settings
from service_runtime.admin_server import Condition, admin_server, not_draining
from service_runtime.background import kept_running
from service_runtime.certificates import following_certificates
from service_runtime.drain import Drain
from service_runtime.protection import announce

logger = structlog.get_logger()


async def serve(
    settings: Settings, drain: Drain, *, on_ready: Callable[[str], None] | None = None
) -> None:
    """Run the bridge until *drain* begins.

    Args:
        settings: what the operator said.
        drain: announces the end.
        on_ready: called with the address once clients are answered.

    Raises:
        ApiKeyUnusable, TlsFilesUnusable: a file for the injector's channel cannot be used.
        ListenError: an address is taken, not ours, or no address.
        NotProtected: an address would be open to other machines.
        TlsError: a certificate cannot be used.
    """
    settings.protection.require(settings.ports)
    settings.next_hop.check()
    injector, pool = Injector(settings.tracking), Pool(settings.next_hop)
    async with contextlib.AsyncExitStack() as stack:
        # What is used by others is closed after them.
        await injector.open()
        stack.push_async_callback(injector.close)
        stack.callback(pool.close)
        await stack.enter_async_context(kept_running("look at the next hop", pool.watch))
        await stack.enter_async_context(kept_running("look at the injector", injector.watch))
        address = await stack.enter_async_context(_serving(settings, injector, pool, drain))
        announce(settings.ports)
        if settings.takes_no_passwords:
            logger.warning("AUTH is not offered: the next hop is elsewhere, and TLS not required")
        if on_ready is not None:
            on_ready(address)
        await drain.wait()


@contextlib.asynccontextmanager
async def _serving(
    settings: Settings, injector: Injector, pool: Pool, drain: Drain
) -> AsyncIterator[str]:
    registry = prometheus_client.CollectorRegistry()
    metrics = DeliveryMetrics(registry)
    async with contextlib.AsyncExitStack() as stack:
        certificates = await stack.enter_async_context(following_certificates(settings.tls_files))
        registry.register(certificates)
        if settings.admin is not None:
            await stack.enter_async_context(
                admin_server(
                    listen=settings.admin,
                    conditions=lambda: _conditions(pool, injector, drain),
                    registry=registry,
                    certificate=certificates.get("admin"),
                )
            )
        if settings.filter_socket is not None:
            await stack.enter_async_context(
                serving_filters(settings.filter_socket, answering_filters(injector, metrics))
            )
        yield await stack.enter_async_context(
            front_server(
                settings.front,
                delivery=_deliverer(settings, injector, pool, metrics),
                next_hop=pool,
                registry=registry,
                certificate=certificates.get("mail"),
                grace=settings.grace,
            )
        )


def _deliverer(
    settings: Settings,
    injector: Injector,
    pool: Pool,
    metrics: DeliveryMetrics,
) -> Deliverer:
    return Deliverer(
        injector=injector,
        pool=pool,
        metrics=metrics,
        when_untracked=settings.tracking.when_untracked,
        # Half, so that a message to many leaves room for those of others.
        most_copies=max(settings.next_hop.connections // 2, 1),
    )


def _conditions(pool: Pool, injector: Injector, drain: Drain) -> Sequence[Condition]:
    return (
        not_draining(drain),
        Condition(
            name="next hop takes mail",
            holds=pool.away is None,
            detail="" if pool.away is None else f"({pool.away})",
        ),
        # Not a reason to stop: mail goes on untracked.
        Condition(
            name="injector answers",
            holds=not injector.reach.is_away,
            detail="(mail goes on untracked)" if injector.reach.is_away else "",
            is_required=False,
        ),
    )
