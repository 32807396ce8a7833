"""The page over HTTP: what it says to browsers, and what it refuses."""

import asyncio
import contextlib
import datetime as dt
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import htpy as h
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from emailopens.pixel.v1 import webhook_service_pb2 as webhook_pb
from pixel_service.page.application import add_page, form_of, new_application, stream_file
from pixel_service.page.routes import add_views
from pixel_service.page.views.trial import MAX_MESSAGE_OCTETS
from pixel_service.page.visit import Visit
from pixel_service.page.visitors import Everybody
from tests.page.markup import HOSTILE
from tests.pixel.open_log.log_values import an_open_of
from tests.pixel.service_values import StreamService, a_log, streaming


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[StreamService]:
    async with a_log(tmp_path) as log, streaming(log) as running:
        yield running


async def file_that_breaks_off(request: web.Request) -> web.StreamResponse:
    """Answer with so many parts of a file of which the rest does not come."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(int(request.match_info["parts"])):
            yield b"part\n"
        raise TimeoutError

    return await stream_file(request, parts(), name="x", content_type="text/plain")


@contextlib.asynccontextmanager
async def browsing(
    service: StreamService, *, hosts: list[str] | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the page, and look at it."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        application = new_application(
            Everybody(visit=Visit(channel=channel, injector=channel)), hosts=hosts
        )
        add_views(application)

        async def fail(_visit: Visit, _request: web.Request) -> h.Node:
            raise RuntimeError("of the test")

        add_page(application, "/fails", "Fails", fail)
        application.router.add_get("/file/{parts}", file_that_breaks_off)
        async with (
            TestServer(application) as server,
            aiohttp.ClientSession(server.make_url("/")) as session,
        ):
            yield session


@pytest.fixture
async def browser(service: StreamService) -> AsyncIterator[aiohttp.ClientSession]:
    async with browsing(service) as session:
        yield session


def origin_of(browser: aiohttp.ClientSession) -> dict[str, str]:
    """Return what a browser says of a form that was sent from the page."""
    return {"Origin": str(browser._base_url).rstrip("/")}  # noqa: SLF001 - it has no other name


@pytest.mark.parametrize("path", ["/messages", "/nowhere", "/static/page.css", "/messages/none"])
async def test_every_answer_keeps_what_is_shown_from_running(
    browser: aiohttp.ClientSession, path: str
) -> None:
    """Also errors and files: nothing inline, nothing from elsewhere, in nobody's frame."""
    async with browser.get(path) as response:
        policy = response.headers["Content-Security-Policy"].split("; ")

        assert policy[0] == "default-src 'none'"
        assert "frame-ancestors 'none'" in policy
        assert not [each for each in policy if "unsafe" in each or "http" in each]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_are_kept_by_no_cache_and_files_for_ever(
    browser: aiohttp.ClientSession,
) -> None:
    """What is personal is not stored, and a file that changes has another URL."""
    async with browser.get("/messages") as page:
        text = await page.text()
        style_sheet = text.partition('href="/static/page.css')[2].partition('"')[0]
        assert page.headers["Cache-Control"] == "no-store"
    async with browser.get(f"/static/page.css{style_sheet}") as file:
        assert len(style_sheet) > 10
        assert "immutable" in file.headers["Cache-Control"]
        assert file.content_type == "text/css"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "https://evil.example"},
        {"Origin": "same", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_form_of_another_page_is_refused(
    browser: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    """Whatever it asks for: a browser says where it was sent from."""
    if headers.get("Origin") == "same":
        headers = headers | origin_of(browser)
    async with browser.post(
        "/messages/m1/erase", data={"sure": "yes"}, headers=headers
    ) as response:
        assert response.status == 403
        assert "was not sent by this page" in await response.text()


async def test_request_for_another_host_is_refused(service: StreamService) -> None:
    """A name that leads to this machine for a moment shows nobody's opens to its owner."""
    async with browsing(service, hosts=["127.0.0.1:1"]) as browser:
        async with browser.get("/messages") as response:
            assert response.status == 421
        async with browser.get("/messages", headers={"Host": "127.0.0.1:1"}) as response:
            assert response.status == 200


async def test_message_is_found_looked_at_exported_and_erased(
    service: StreamService, browser: aiohttp.ClientSession
) -> None:
    """From the form to the last page, as a browser goes."""
    await service.log.append([an_open_of("m~1", subject=HOSTILE)])
    form = {"by": "subject", "text": "alert(1)"}
    async with browser.post("/messages", data=form, headers=origin_of(browser)) as response:
        assert 'href="/messages/m~1"' in await response.text()
    async with browser.get("/messages/m~1") as response:
        assert "&lt;script&gt;alert(1)" in await response.text()
    async with browser.get("/messages/m~1/opens.jsonl") as response:
        assert response.headers["Content-Disposition"] == 'attachment; filename="opens.jsonl"'
        assert len((await response.read()).splitlines()) == 1
    async with browser.post(
        "/messages/m~1/erase", data={"sure": "yes"}, headers=origin_of(browser)
    ) as response:
        assert "Erased" in await response.text()
    async with browser.get("/messages/m~1") as response:
        assert "No opens found" in await response.text()


async def test_webhook_is_paused_resumed_and_replayed(
    service: StreamService, browser: aiohttp.ClientSession
) -> None:
    """Each leads back to its page, which says how it is now."""
    await service.webhooks.CreateWebhook(
        webhook_pb.CreateWebhookRequest(
            webhook=webhook_pb.Webhook(id="crm", url="https://127.0.0.1/hook")
        )
    )
    async with browser.get("/webhooks") as response:
        assert 'href="/webhooks/crm"' in await response.text()
    said = {"pause": "Paused", "resume": "Delivers", "replay": "Delivers"}
    for action, state in said.items():
        path, form = f"/webhooks/crm/{action}", {"from": "2026-11-26T09:30"}
        async with browser.post(path, data=form, headers=origin_of(browser)) as response:
            assert response.url.path == "/webhooks/crm"
            assert state in await response.text()


async def test_webhook_is_created_and_deleted(
    service: StreamService, browser: aiohttp.ClientSession
) -> None:
    """Its secret is shown once; what is wrong is said beside the form; deleting asks first."""
    path, headers = "/create-webhook", origin_of(browser)
    async with browser.get("/webhooks") as response:
        assert f'href="{path}"' in await response.text()
    form = {
        "id": "crm",
        "url": "https://127.0.0.1/hook",
        "configurations": "news, offers",
        "body": "As Amazon SNS would",
        "if_refused": "The webhook is paused",
        "start": "With the earliest open that is kept",
    }
    async with browser.post(path, data=form, headers=headers) as response:
        assert "whsec_" in await response.text()
    (webhook,) = (await service.webhooks.ListWebhooks(webhook_pb.ListWebhooksRequest())).webhooks
    assert webhook.configuration_ids == ["news", "offers"]
    assert webhook.format == webhook_pb.Webhook.FORMAT_SNS
    assert webhook.refused_event_policy == webhook_pb.Webhook.REFUSED_EVENT_POLICY_PAUSE

    for wrong, said in ({}, "There is one already"), ({"id": "x", "url": "x"}, "cannot be asked"):
        async with browser.post(path, data=form | wrong, headers=headers) as response:
            shown = await response.text()
            assert said in shown
            assert 'value="news, offers"' in shown

    async with browser.get("/webhooks/crm/delete") as response:
        assert "are forgotten" in await response.text()
    async with browser.post("/webhooks/crm/delete", headers=headers) as response:
        assert response.url.path == "/webhooks"
        assert "There are no webhooks" in await response.text()


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/webhooks/crm/pause", {}, 404),
        ("/webhooks/crm/replay", {}, 400),
        ("/webhooks/crm/replay", {"from": "yesterday"}, 400),
        ("/webhooks/crm/delete", {}, 404),
    ],
)
async def test_what_cannot_be_done_with_a_webhook_is_said(
    browser: aiohttp.ClientSession, path: str, form: dict[str, str], status: int
) -> None:
    """Nothing has changed then."""
    async with browser.post(path, data=form, headers=origin_of(browser)) as response:
        assert response.status == status


async def test_what_the_service_refuses_is_a_page(browser: aiohttp.ClientSession) -> None:
    """It says what the service says; so does an export that has not begun."""
    for path in ("/messages/%20", "/messages/%20/opens.jsonl"):
        async with browser.get(path) as response:
            assert response.status == 400
            assert "message_id" in await response.text()


async def test_file_that_breaks_off_is_not_taken_for_a_whole_one(
    browser: aiohttp.ClientSession,
) -> None:
    """What fails before its first part is a page, and what fails later ends the connection."""
    async with browser.get("/file/0") as response:
        assert response.status == 504
        assert "takes too long" in await response.text()
    with pytest.raises(aiohttp.ClientError):
        async with browser.get("/file/2") as response:
            await response.read()


async def test_file_that_nobody_takes_is_given_up() -> None:
    """Whoever asks for it and reads nothing holds no search for ever."""
    is_over = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(1_000_000)
        finally:
            is_over.set()

    async def give(request: web.Request) -> web.StreamResponse:
        patience = dt.timedelta(milliseconds=50)
        return await stream_file(
            request, parts(), name="x", content_type="text/plain", patience=patience
        )

    application = web.Application()
    application.router.add_get("/", give)
    async with TestServer(application) as server:
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await is_over.wait()
        writer.close()


@pytest.mark.parametrize("path", ["/live", "/messages/m1/opens.jsonl"])
async def test_what_is_long_is_sent_to_whoever_reads_it(
    browser: aiohttp.ClientSession, path: str
) -> None:
    """A question for the header alone is not answered with a body."""
    async with browser.head(path) as response:
        assert response.status == 405


async def test_message_that_is_too_large_is_refused(browser: aiohttp.ClientSession) -> None:
    """Before all of it is read into memory."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="m.eml"\r\n\r\n'
        + b"x" * (MAX_MESSAGE_OCTETS + 1)
        + b"\r\n--b--\r\n"
    )
    headers = origin_of(browser) | {"Content-Type": "multipart/form-data; boundary=b"}
    async with browser.post("/test-message", data=io.BytesIO(body), headers=headers) as response:
        assert response.status == 413


FIELD = b'--b\r\nContent-Disposition: form-data; name="recipient"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"raw=x", "application/x-www-form-urlencoded", 415),
        (b"--b\r\nno header", "multipart/form-data; boundary=b", 400),
        (b"x", "multipart/form-data", 400),
        (2 * FIELD + b"--b--\r\n", "multipart/form-data; boundary=b", 400),
    ],
)
async def test_form_that_cannot_be_read_is_refused(
    browser: aiohttp.ClientSession, data: bytes, content_type: str, status: int
) -> None:
    """With a page, whatever it is."""
    headers = origin_of(browser) | {"Content-Type": content_type}
    async with browser.post("/test-message", data=data, headers=headers) as response:
        assert response.status == status


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b"by=subject", "none"),
        (b"text=\xff", "utf-8"),
        (b"odd", "utf-16"),
        # Takes a time that grows with the square of what is sent.
        (b"text=x", "punycode"),
        # Has characters that no call takes.
        (b"text=\\ud800", "unicode_escape"),
    ],
)
async def test_form_in_no_encoding_is_refused(
    browser: aiohttp.ClientSession, body: bytes, charset: str
) -> None:
    """No browser sends one, and nothing fails because somebody does."""
    content_type = f"application/x-www-form-urlencoded; charset={charset}"
    headers = origin_of(browser) | {"Content-Type": content_type}
    async with browser.post("/messages", data=body, headers=headers) as response:
        assert response.status == 400
        assert "The form cannot be read" in await response.text()


async def test_form_is_small(browser: aiohttp.ClientSession) -> None:
    """Whoever sends much, perhaps without having logged in, fills no memory with it."""
    body = b"text=" + b"x" * 200_000
    headers = origin_of(browser) | {"Content-Type": "application/x-www-form-urlencoded"}
    async with browser.post("/messages", data=io.BytesIO(body), headers=headers) as response:
        assert response.status == 413


async def test_form_that_does_not_go_on_is_given_up() -> None:
    """Connections are few, so that nobody may hold one for ever."""
    is_answered = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        await form_of(request, patience=dt.timedelta(milliseconds=10))
        return web.Response()

    async def body() -> AsyncIterator[bytes]:
        yield b"text="
        await is_answered.wait()

    application = web.Application()
    application.router.add_post("/", take)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with (
        TestServer(application) as server,
        aiohttp.ClientSession() as browser,
        browser.post(server.make_url("/"), data=body(), headers=headers) as response,
    ):
        is_answered.set()
        assert response.status == 408


async def test_page_that_fails_says_so_and_no_more(browser: aiohttp.ClientSession) -> None:
    """What went wrong is for the log, and not for a browser."""
    async with browser.get("/fails") as response:
        assert response.status == 500
        assert "of the test" not in await response.text()
        assert response.headers["X-Content-Type-Options"] == "nosniff"
