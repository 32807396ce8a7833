"""Logging in and out."""

from http import HTTPStatus

import grpc
import htpy as h
from aiohttp import web

from pixel_service.page.answers import see
from pixel_service.page.application import form_of, shown
from pixel_service.page.failures import failure_of
from pixel_service.page.visitors import LOGIN, LOGOUT, KeyHolders, role_of

_KEY_NEEDED = HTTPStatus.UNAUTHORIZED


def add_login(application: web.Application, holders: KeyHolders) -> None:
    """Add the page where people show their key, and what ends their session."""

    async def ask(request: web.Request) -> web.StreamResponse:
        return shown(request, "Log in", _page())

    async def begin(request: web.Request) -> web.StreamResponse:
        api_key = (await form_of(request)).get("api_key", "").strip()
        if role_of(api_key) is None:
            problem = "That is no API key: one is eo_… on a line of its own."
            return shown(request, "Log in", _page(problem), status=_KEY_NEEDED)
        try:
            return await holders.begin(request, api_key)
        except grpc.aio.AioRpcError as error:
            status, meaning, _ = failure_of(error)
            return shown(request, "Log in", _page(f"{meaning}."), status=status)

    async def end(request: web.Request) -> web.StreamResponse:
        response = see(LOGIN)
        holders.refuse(request, response)
        return response

    application.router.add_get(LOGIN, ask)
    application.router.add_post(LOGIN, begin)
    application.router.add_post(LOGOUT, end)


def _page(problem: str = "") -> h.Node:
    return [
        h.h1["Log in"],
        problem and h.p(".outcome.bad", role="alert")[problem],
        h.form(".stacked", method="post", action=LOGIN)[
            h.label(for_="api_key")["API key of a subscriber, an operator or an admin"],
            h.input(
                "#api_key",
                type="password",
                name="api_key",
                required=True,
                autocomplete="current-password",
                maxlength="200",
            ),
            h.p(".muted")[
                "It is kept in the service's memory for 12 hours at most, and shows what it allows."
            ],
            h.p[h.button(type="submit")["Log in"]],
        ],
    ]
