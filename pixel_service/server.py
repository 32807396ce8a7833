"""Puts the pixel service together in one process that does everything.

For machines with one core, and for tests; `supervisor` runs the same parts in several.
What answers mail clients ends first, and the log last, so that it records what came until
then.
"""

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator, Callable

from pixel_service.endpoint import listening_for_pixels
from pixel_service.endpoint_process import running_endpoint
from pixel_service.intake import RecentFetches
from pixel_service.log_process import LogProcess
from pixel_service.page_process import running_page
from pixel_service.settings import Settings
from pixel_service.start_check import check
from service_runtime.admin_server import admin_server, not_draining, registry_of
from service_runtime.background import first_of, running
from service_runtime.certificates import following_certificates
from service_runtime.drain import Drain
from service_runtime.listen import address_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a running service is, as `host:port`."""

    http: str
    grpc: str
    admin: str
    page: str | None = None


async def serve(
    settings: Settings, drain: Drain, *, on_ready: Callable[[Addresses], None] | None = None
) -> None:
    """Run the whole pixel service in this process until *drain* begins.

    Args:
        settings: how to run.
        drain: announces the end.
        on_ready: called with the addresses once everything is served.

    Raises:
        One of REFUSALS: it cannot run as it was told.
    """
    check(settings)
    async with contextlib.AsyncExitStack() as stack:
        files = settings.protection.tls_files("grpc", "http", "admin", "page")
        certificates = await stack.enter_async_context(following_certificates(files))
        log = LogProcess(settings, certificates.get("grpc"))
        (sockets,) = stack.enter_context(
            listening_for_pixels(settings.http, count=1, reuse_port=settings.reuse_port)
        )
        async with (
            _serving(log, drain) as (grpc, log_ended),
            running_endpoint(
                settings,
                sockets,
                recent=RecentFetches.new(),
                certificate=certificates.get("http"),
            ) as endpoint,
            admin_server(
                listen=settings.admin,
                conditions=lambda: [
                    *endpoint.conditions(),
                    *log.conditions(are_required=False),
                    not_draining(drain),
                ],
                registry=registry_of(endpoint.metrics, log.metrics, certificates),
                certificate=certificates.get("admin"),
            ) as admin,
            running_page(settings, certificates.get("page")) as page,
        ):
            http = address_of(settings.http, sockets)
            addresses = functools.partial(Addresses, http=http, admin=admin, page=page)
            async with running(_announce(on_ready, grpc, addresses)):
                await first_of(drain.wait(), asyncio.shield(log_ended))
                if drain.is_draining and settings.reuse_port:
                    await endpoint.hand_over()


@contextlib.asynccontextmanager
async def _serving(
    log: LogProcess, drain: Drain
) -> AsyncIterator[tuple[asyncio.Future[str], asyncio.Task[None]]]:
    """Serve *log* inside the block, and until it has recorded what came there.

    Yields what gets the address of gRPC, and what ends when the log does.
    """
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    endpoint_ended = asyncio.Event()

    def on_serving(served: str) -> None:
        if not address.done():
            address.set_result(served)

    serving = asyncio.create_task(
        log.serve(drain, on_serving=on_serving, until=endpoint_ended.wait)
    )
    try:
        yield address, serving
    finally:
        drain.begin()
        endpoint_ended.set()
        await serving


async def _announce(
    on_ready: Callable[[Addresses], None] | None,
    grpc_address: asyncio.Future[str],
    addresses: Callable[..., Addresses],
) -> None:
    found = addresses(grpc=await grpc_address)
    if on_ready is not None:
        on_ready(found)
