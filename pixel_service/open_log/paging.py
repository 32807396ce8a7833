"""Pages within their limits."""

import dataclasses
from typing import Final

from pixel_service.open_log.values import Page

# Of one page, whatever the caller asks: about 3 MiB of notifications.
MAX_PAGE_ENTRIES: Final = 10_000


def cut(page: Page, max_octets: int) -> Page:
    """Return *page* with no more than *max_octets* of notifications, but for the first entry."""
    octets = 0
    for index, entry in enumerate(page.entries):
        octets += len(entry.notification)
        if octets > max_octets and index:
            return dataclasses.replace(
                page,
                entries=page.entries[:index],
                after=page.entries[index - 1].position,
                at_head=False,
            )
    return page
