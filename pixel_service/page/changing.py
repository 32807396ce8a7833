"""What changes something that has a page, and leads back to it."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from pixel_service.page.answers import see
from pixel_service.page.application import VISITORS, form_of
from pixel_service.page.visit import Visit

Change = Callable[[Visit, str, Mapping[str, str]], Awaitable[None]]
"""Takes whose visit it is, what is changed, and what the form says."""


def add_changes(
    application: web.Application,
    one: str,
    changes: Mapping[str, Change],
    *,
    path_of: Callable[[str], str],
) -> None:
    """Add *changes*, each by the name at the end of its path.

    Args:
        application: the page.
        one: the path of what is changed, with one name in it, as aiohttp writes it.
        changes: what can be done.
        path_of: where the page is of what is named so.
    """
    for name, change in changes.items():
        application.router.add_post(f"{one}/{name}", _changing(change, path_of))


def _changing(change: Change, path_of: Callable[[str], str]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        visit = request.app[VISITORS].visit_of(request)
        (changed,) = request.match_info.values()
        await change(visit, changed, await form_of(request))
        return see(path_of(changed))

    return handle
