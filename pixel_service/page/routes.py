"""Which page is where."""

import asyncio
from typing import Final

import htpy as h
from aiohttp import web

from pixel_service.page.answers import see
from pixel_service.page.application import (
    MENU,
    VISITORS,
    add_form,
    add_menu,
    add_page,
    form_of,
    stream_file,
)
from pixel_service.page.trial_upload import read_trial
from pixel_service.page.views.message_pages import MESSAGES
from pixel_service.page.views.messages import (
    erase_message,
    export_message,
    search_messages,
    show_message,
)
from pixel_service.page.views.trial import Trial, try_message
from pixel_service.page.views.trial_pages import TEST_MESSAGE
from pixel_service.page.visit import Visit

# Each takes some ten megabytes; others wait.
_TRIALS_AT_ONCE: Final = 4


def add_views(application: web.Application) -> None:
    """Add everything that people look at."""
    add_messages(application)
    add_trials(application)
    application.router.add_get("/", _start)


async def _start(request: web.Request) -> web.StreamResponse:
    first, _ = request.app[MENU][0]
    return see(first)


def add_messages(application: web.Application) -> None:
    """Add the pages about messages."""
    one = f"{MESSAGES}/{{message_id}}"
    add_menu(application, MESSAGES, "Messages")
    add_page(application, MESSAGES, "Messages", _messages)
    add_form(application, MESSAGES, "Messages", _messages)
    add_page(application, one, "Message", _message)
    application.router.add_get(f"{one}/opens.jsonl", _export)
    add_page(application, f"{one}/erase", "Erase opens", _erase)
    add_form(application, f"{one}/erase", "Erase opens", _erase)


async def _messages(visit: Visit, request: web.Request) -> h.Node:
    return await search_messages(visit, await form_of(request))


async def _message(visit: Visit, request: web.Request) -> h.Node:
    before = request.query.get("before", "")
    return await show_message(visit, request.match_info["message_id"], before=before)


async def _erase(visit: Visit, request: web.Request) -> h.Node:
    return await erase_message(visit, request.match_info["message_id"], await form_of(request))


async def _export(request: web.Request) -> web.StreamResponse:
    visit = request.app[VISITORS].visit_of(request)
    return await stream_file(
        request,
        export_message(visit, request.match_info["message_id"]),
        name="opens.jsonl",
        content_type="application/jsonl",
    )


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
