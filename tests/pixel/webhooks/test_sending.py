"""One request, sent within limits to a real receiver."""

import asyncio
import base64
import datetime as dt
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import standardwebhooks
from aiohttp import web

from pixel_service.webhooks.addresses import NOT_PUBLIC
from pixel_service.webhooks.answers import Answer, Outcome
from pixel_service.webhooks.bodies import Body
from pixel_service.webhooks.sending import DEFAULT_TIMEOUT, Sender, open_sender
from pixel_service.webhooks.signing import new_secret, secret_text
from tests.fixtures.certificates import Authority
from tests.fixtures.webhook_receiver import Receiver, receiving

SECRET = new_secret()
BODY = Body(event_id="a:0", octets=b'{"a":1}', headers={"Content-Type": "application/json"})


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    async with open_sender(allow_private=True) as sender:
        yield sender


async def send(sender: Sender, url: str) -> Answer:
    return await sender.send(url, BODY, secrets=[SECRET])


async def test_receiver_gets_what_the_published_library_verifies(
    sender: Sender, receiver: Receiver
) -> None:
    """A request arrives with its octets, its type and a signature of now."""
    answer = await send(sender, receiver.url)

    (request,) = receiver.requests
    assert answer == Answer(outcome=Outcome.DELIVERED)
    assert request.octets == BODY.octets
    assert request.headers["Content-Type"] == "application/json"
    judge = standardwebhooks.Webhook(secret_text(SECRET))
    assert judge.verify(request.octets, dict(request.headers)) == {"a": 1}


async def test_user_and_password_are_sent_as_basic_authentication(
    sender: Sender, receiver: Receiver
) -> None:
    """They are in no other place."""
    await send(sender, receiver.url.replace("http://", "http://user:pass@"))

    (request,) = receiver.requests
    assert request.headers["Authorization"] == (
        "Basic " + base64.b64encode(b"user:pass").decode("ascii")
    )
    assert request.path == "/hook"


async def test_redirect_is_not_followed(sender: Sender, receiver: Receiver) -> None:
    """It is a failure, and nothing else is asked for."""
    receiver.answers = [web.Response(status=307, headers={"Location": receiver.url + "/else"})]

    answer = await send(sender, receiver.url)

    assert answer.outcome is Outcome.FAILED
    assert answer.error == "answered 307"
    assert len(receiver.requests) == 1


async def test_cookies_are_not_kept(sender: Sender, receiver: Receiver) -> None:
    """One receiver's cookie goes to no request after it."""
    receiver.answers = [web.Response(headers={"Set-Cookie": "a=b; Path=/"})]

    await send(sender, receiver.url)
    await send(sender, receiver.url)

    assert "Cookie" not in receiver.requests[1].headers


async def test_answer_without_end_is_not_read(sender: Sender, receiver: Receiver) -> None:
    """Its status counts, and 64 kB of it are read at most."""
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        try:
            await response.prepare(request)
            while True:
                await response.write(bytes(1 << 16))
        finally:
            ended.set()

    receiver.answers = [endless]

    answer = await send(sender, receiver.url)

    assert answer.outcome is Outcome.DELIVERED
    await ended.wait()


async def test_asked_for_wait_is_returned(sender: Sender, receiver: Receiver) -> None:
    """What a receiver says of when to come again reaches the schedule."""
    receiver.answers = [web.Response(status=429, headers={"Retry-After": "17"})]

    assert (await send(sender, receiver.url)).retry_after == "17"


async def test_receiver_that_dies_is_a_failure(sender: Sender, receiver: Receiver) -> None:
    """A connection that ends without an answer is told in words."""

    async def die(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    receiver.answers = [die]

    answer = await send(sender, receiver.url)

    assert answer.outcome is Outcome.FAILED
    assert answer.error == "connection ended without an answer"
    assert len(receiver.requests) == 1


async def test_receiver_that_is_not_there_is_a_failure(sender: Sender) -> None:
    """A refused connection is told in words, without the URL or where a name leads to."""
    answer = await send(sender, "http://user:secret@127.0.0.1:1/")

    assert answer.outcome is Outcome.FAILED
    assert answer.error == "no connection: Connection refused"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]", "１２７.0.0.1"],  # noqa: RUF001 - wide digits
)
async def test_receiver_on_this_machine_is_refused(receiver: Receiver, host: str) -> None:
    """Unless it is allowed, nothing is sent to it, whatever its name or number."""
    url = receiver.url.replace("127.0.0.1", host)
    async with open_sender(allow_private=False) as sender:
        answer = await send(sender, url)

    assert answer.outcome is Outcome.FAILED
    # The library reads no numbers but whole addresses, and refuses such a URL by itself.
    assert answer.error in {NOT_PUBLIC, "its URL cannot be used"}
    assert receiver.requests == []


async def test_proxy_of_the_environment_is_not_used(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is resolved here is what is connected to."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert (await send(sender, receiver.url)).outcome is Outcome.DELIVERED


async def test_attempt_is_signed_with_its_own_time(receiver: Receiver) -> None:
    """A receiver that refuses old requests takes one that was tried again."""
    async with open_sender(allow_private=True) as sender:
        await send(sender, receiver.url)

    timestamp = int(receiver.requests[0].headers["webhook-timestamp"])
    assert abs(timestamp - time.time()) < 300


async def test_receiver_that_takes_too_long_is_a_failure(receiver: Receiver) -> None:
    """What it answers later counts no more; the limit is said."""
    released = asyncio.Event()

    async def answer_late(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    receiver.answers = [answer_late]
    limit = dt.timedelta(milliseconds=50)
    async with open_sender(allow_private=True, limit=limit) as sender:
        answer = await send(sender, receiver.url)
    released.set()

    assert answer == Answer(outcome=Outcome.FAILED, error="took longer than 0.05 s")
    assert dt.timedelta(seconds=15) == DEFAULT_TIMEOUT


async def test_certificate_that_nobody_vouches_for_is_a_failure(
    sender: Sender, tmp_path: Path
) -> None:
    """Nothing is sent to a receiver that cannot show who it is."""
    certificate, key = Authority().issue().write(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with receiving(tls=context) as receiver:
        answer = await send(sender, receiver.url)

    assert receiver.url.startswith("https://")
    assert answer == Answer(outcome=Outcome.FAILED, error="its certificate is not valid")
    assert receiver.requests == []
