"""Which page is where."""

import asyncio
from typing import Final

import htpy as h
from aiohttp import web

from pixel_service.page.answers import see
from pixel_service.page.application import (
    VISITORS,
    add_form,
    add_menu,
    add_page,
    form_of,
    stream_file,
)
from pixel_service.page.changing import add_changes
from pixel_service.page.routes_now import add_now
from pixel_service.page.routes_subscriptions import add_subscriptions
from pixel_service.page.spans import span_of
from pixel_service.page.trial_upload import read_trial
from pixel_service.page.views.configuration_pages import CONFIGURATIONS, FIND_CONFIGURATION
from pixel_service.page.views.configuration_pages import path_of as configuration_path
from pixel_service.page.views.configurations import show_configuration, show_configurations
from pixel_service.page.views.message_pages import MESSAGES, OBJECTION
from pixel_service.page.views.messages import (
    erase_message,
    export_message,
    search_messages,
    show_message,
)
from pixel_service.page.views.objections import object_for
from pixel_service.page.views.trial import Trial, try_message
from pixel_service.page.views.trial_pages import TEST_MESSAGE
from pixel_service.page.views.webhook_form_pages import CREATE_WEBHOOK, delete_page
from pixel_service.page.views.webhook_pages import WEBHOOKS, path_of
from pixel_service.page.views.webhooks import (
    create_webhook,
    delete_webhook,
    pause_webhook,
    replay_webhook,
    resume_webhook,
    show_webhook,
    show_webhooks,
)
from pixel_service.page.visit import Visit

# Each takes some ten megabytes; others wait.
_TRIALS_AT_ONCE: Final = 4


def add_views(application: web.Application) -> None:
    """Add everything that people look at."""
    add_now(application)
    add_configurations(application)
    add_messages(application)
    add_subscriptions(application)
    add_webhooks(application)
    add_trials(application)


def add_configurations(application: web.Application) -> None:
    """Add the pages that show statistics."""
    add_menu(application, CONFIGURATIONS, "Configurations")
    add_page(application, CONFIGURATIONS, "Configurations", _configurations)
    add_page(application, f"{CONFIGURATIONS}/{{configuration_id}}", "Configuration", _configuration)
    application.router.add_get(FIND_CONFIGURATION, _find_configuration)


async def _configurations(visit: Visit, request: web.Request) -> h.Node:
    return await show_configurations(visit, request.query.get("span", ""))


async def _configuration(visit: Visit, request: web.Request) -> h.Node:
    configuration_id = request.match_info["configuration_id"]
    return await show_configuration(visit, configuration_id, request.query.get("span", ""))


async def _find_configuration(request: web.Request) -> web.StreamResponse:
    name, _ = span_of(request.query.get("span", ""))
    return see(configuration_path(request.query.get("id", "").strip(), name))


def add_messages(application: web.Application) -> None:
    """Add the pages about messages."""
    one = f"{MESSAGES}/{{message_id}}"
    add_menu(application, MESSAGES, "Messages", needs="PixelService/SearchOpens")
    add_page(application, MESSAGES, "Messages", _messages)
    add_form(application, MESSAGES, "Messages", _messages)
    add_page(application, one, "Message", _message)
    application.router.add_get(f"{one}/opens.jsonl", _export, allow_head=False)
    add_page(application, f"{one}/erase", "Erase opens", _erase)
    add_form(application, f"{one}/erase", "Erase opens", _erase)
    add_page(application, f"{one}/{OBJECTION}", "Objection", _object)
    add_form(application, f"{one}/{OBJECTION}", "Objection", _object)


async def _messages(visit: Visit, request: web.Request) -> h.Node:
    return await search_messages(visit, await form_of(request))


async def _message(visit: Visit, request: web.Request) -> h.Node:
    before = request.query.get("before", "")
    return await show_message(visit, request.match_info["message_id"], before=before)


async def _erase(visit: Visit, request: web.Request) -> h.Node:
    return await erase_message(visit, request.match_info["message_id"], await form_of(request))


async def _object(visit: Visit, request: web.Request) -> h.Node:
    message_id, before = request.match_info["message_id"], request.query.get("before", "")
    return await object_for(visit, message_id, await form_of(request), before=before)


async def _export(request: web.Request) -> web.StreamResponse:
    visit = request.app[VISITORS].visit_of(request)
    return await stream_file(
        request,
        export_message(visit, request.match_info["message_id"]),
        name="opens.jsonl",
        content_type="application/jsonl",
    )


def add_webhooks(application: web.Application) -> None:
    """Add the pages about webhooks, and what changes them."""
    one = f"{WEBHOOKS}/{{webhook_id}}"
    add_menu(application, WEBHOOKS, "Webhooks")
    add_page(application, WEBHOOKS, "Webhooks", _webhooks)
    add_page(application, one, "Webhook", _webhook)
    changes = {"pause": pause_webhook, "resume": resume_webhook, "replay": replay_webhook}
    add_changes(application, one, changes, path_of=path_of)
    add_page(application, CREATE_WEBHOOK, "Create a webhook", _create_webhook)
    add_form(application, CREATE_WEBHOOK, "Create a webhook", _create_webhook)
    add_page(application, f"{one}/delete", "Delete a webhook", _ask)
    application.router.add_post(f"{one}/delete", _delete_webhook)


async def _webhooks(visit: Visit, request: web.Request) -> h.Node:
    return await show_webhooks(visit, request.query.get("page", ""))


async def _webhook(visit: Visit, request: web.Request) -> h.Node:
    return await show_webhook(visit, request.match_info["webhook_id"])


async def _create_webhook(visit: Visit, request: web.Request) -> h.Node:
    return await create_webhook(visit, await form_of(request))


async def _ask(_: Visit, request: web.Request) -> h.Node:
    return list(delete_page(request.match_info["webhook_id"]))


async def _delete_webhook(request: web.Request) -> web.StreamResponse:
    visit = request.app[VISITORS].visit_of(request)
    await delete_webhook(visit, request.match_info["webhook_id"])
    return see(WEBHOOKS)


def add_trials(application: web.Application) -> None:
    """Add the page that tests a message."""
    room = asyncio.Semaphore(_TRIALS_AT_ONCE)

    async def answer(visit: Visit, request: web.Request) -> h.Node:
        async with room:
            return await try_message(visit, await read_trial(request))

    add_menu(application, TEST_MESSAGE, "Test a message")
    add_page(application, TEST_MESSAGE, "Test a message", _trial_form)
    add_form(application, TEST_MESSAGE, "Test a message", answer)


async def _trial_form(visit: Visit, _: web.Request) -> h.Node:
    return await try_message(visit, Trial())
