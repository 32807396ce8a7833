"""Where the pages about subscriptions are."""

import htpy as h
from aiohttp import web

from pixel_service.page.answers import see
from pixel_service.page.application import VISITORS, add_menu, add_page
from pixel_service.page.changing import add_changes
from pixel_service.page.views.subscription_pages import SUBSCRIPTIONS, delete_page, path_of
from pixel_service.page.views.subscriptions import (
    delete_subscription,
    pause_subscription,
    replay_subscription,
    resume_subscription,
    show_subscription,
    show_subscriptions,
)
from pixel_service.page.visit import Visit


def add_subscriptions(application: web.Application) -> None:
    """Add the pages about subscriptions."""
    one = f"{SUBSCRIPTIONS}/{{subscription_id}}"
    add_menu(application, SUBSCRIPTIONS, "Subscriptions")
    add_page(application, SUBSCRIPTIONS, "Subscriptions", _subscriptions)
    add_page(application, one, "Subscription", _subscription)
    add_page(application, f"{one}/delete", "Delete a subscription", _ask)
    application.router.add_post(f"{one}/delete", _delete)
    changes = {
        "pause": pause_subscription,
        "resume": resume_subscription,
        "replay": replay_subscription,
    }
    add_changes(application, one, changes, path_of=path_of)


async def _subscriptions(visit: Visit, request: web.Request) -> h.Node:
    return await show_subscriptions(visit, request.query.get("page", ""))


async def _subscription(visit: Visit, request: web.Request) -> h.Node:
    return await show_subscription(visit, request.match_info["subscription_id"])


async def _ask(_: Visit, request: web.Request) -> h.Node:
    return list(delete_page(request.match_info["subscription_id"]))


async def _delete(request: web.Request) -> web.StreamResponse:
    visit = request.app[VISITORS].visit_of(request)
    await delete_subscription(visit, request.match_info["subscription_id"])
    return see(SUBSCRIPTIONS)
