"""The page, beside the log process that it calls."""

import contextlib
from collections.abc import AsyncIterator

from pixel_service.page import PageSettings, page_server
from pixel_service.settings import Settings
from service_runtime.certificates import Certificate


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
        grace=settings.grace,
    )
    async with page_server(page, certificate) as address:
        yield address
