"""The page, beside the log process that it calls."""

import contextlib
from collections.abc import AsyncIterator

import grpc
import structlog

from emailopens_client.channels import Tls, TlsFilesUnusable, open_channel
from emailopens_client.targets import is_on_this_machine, with_port
from pixel_service.endpoint.client_address import ClientAddresses
from pixel_service.injector_tls import tls_of
from pixel_service.injectors import DEFAULT_INJECTOR_PORT
from pixel_service.page import PageSettings, page_server
from pixel_service.settings import Settings
from service_runtime.certificates import Certificate

logger = structlog.get_logger()


@contextlib.asynccontextmanager
async def running_page(
    settings: Settings, certificate: Certificate | None
) -> AsyncIterator[str | None]:
    """Serve the page inside the block if it is wanted; yields its address.

    Raises:
        ListenError: the address is taken, not ours, or no address.
    """
    if settings.page is None or settings.page_socket is None:
        yield None
        return
    page = PageSettings(
        listen=settings.page,
        service=settings.page_socket,
        hosts=settings.page_hosts,
        asks_for_keys=settings.api_keys is not None,
        is_proxy=ClientAddresses(trusted_proxies=settings.trusted_proxies).is_proxy,
        grace=settings.grace,
        reuse_port=settings.reuse_port,
    )
    async with (
        _injector_of(settings) as injector,
        page_server(page, certificate, injector=injector) as address,
    ):
        yield address


@contextlib.asynccontextmanager
async def _injector_of(settings: Settings) -> AsyncIterator[grpc.aio.Channel | None]:
    """Open a channel to the injector that messages are tested with; None if there is none."""
    async with contextlib.AsyncExitStack() as stack:
        channel = None
        if settings.injectors.targets:
            target = with_port(settings.injectors.targets[0], DEFAULT_INJECTOR_PORT)
            try:
                opened = open_channel(target, credentials=_tls_to(target, settings))
                channel = await stack.enter_async_context(opened)
            except TlsFilesUnusable as error:
                logger.warning("messages cannot be tested", injector=target, reason=str(error))
        yield channel


def _tls_to(target: str, settings: Settings) -> Tls | None:
    """Return how *target* is spoken to.

    Raises:
        TlsFilesUnusable: others would see the keys of whoever looks.
    """
    tls = tls_of(settings.injectors)
    may_be_seen = settings.protection.allows_plaintext or is_on_this_machine(target)
    if tls is None and settings.api_keys is not None and not may_be_seen:
        raise TlsFilesUnusable("whoever is on the way would see the keys of who looks")
    return tls
