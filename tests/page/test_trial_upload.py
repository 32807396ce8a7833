"""A message that is uploaded to be tested."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from pixel_service.page.trial_upload import read_trial


async def test_upload_that_does_not_go_on_is_given_up() -> None:
    """Few messages are tested at once, so that nobody may hold a place for ever."""
    is_answered = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        await read_trial(request, patience=dt.timedelta(milliseconds=10))
        return web.Response()

    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="raw"\r\n\r\nSubject: '
        await is_answered.wait()

    application = web.Application()
    application.router.add_post("/", take)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with (
        TestServer(application) as server,
        aiohttp.ClientSession() as browser,
        browser.post(server.make_url("/"), data=body(), headers=headers) as response,
    ):
        is_answered.set()
        assert response.status == 408
