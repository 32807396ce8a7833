"""Opens that were fetched are delivered to webhooks, by the whole service in its processes."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import os
import signal
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import grpc
import standardwebhooks
from aiohttp import web

from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import webhook_service_pb2 as pb
from emailopens.pixel.v1 import webhook_service_pb2_grpc as pb_grpc
from emailopens.token.v1 import pixel_token_pb2
from examples.pair import free_ports
from pixel_service.open_log import WebhookSecret
from pixel_service.webhooks import new_secret, secret_text
from tests.fixtures.postgres import Postgres
from tests.fixtures.webhook_receiver import Received, Receiver, receiving
from tests.pixel.open_log.log_values import LogHome
from tests.pixel.open_log.webhook_values import new_webhook
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import fetch
from tests.pixel.test_workers import RING, Service, log_process_of
from tests.pixel.webhooks.test_bodies import events_of_request

ALLOW = "--webhook-allow-private"


@dataclasses.dataclass
class Calls:
    """What a client asks of a running service."""

    service: Service
    stub: "pb_grpc.WebhookServiceAsyncStub"

    async def create(self, url: str, **fields: object) -> str:
        """Create the webhook `crm` from the earliest open on; return its secret."""
        response = await self.stub.CreateWebhook(
            pb.CreateWebhookRequest(
                webhook=pb.Webhook(id="crm", url=url, **fields),  # type: ignore[arg-type] # as named
                position=pixel_pb.POSITION_EARLIEST,
            )
        )
        return response.secret

    async def resume(self) -> None:
        await self.stub.ResumeWebhook(pb.ResumeWebhookRequest(webhook_id="crm"))

    async def until(self, holds: Callable[[pb.Webhook], bool]) -> pb.Webhook:
        """Wait until *holds* of the webhook; return it."""
        while True:
            response = await self.stub.GetWebhook(
                pb.GetWebhookRequest(webhook_id="crm"), wait_for_ready=True
            )
            if holds(response.webhook):
                return response.webhook
            # There is nothing to wait for but the next look.
            await asyncio.sleep(0.02)

    async def until_delivered(self) -> pb.Webhook:
        return await self.until(lambda webhook: not webhook.lag and not webhook.failed_attempts)


@contextlib.asynccontextmanager
async def calling(service: Service) -> AsyncIterator[Calls]:
    async with grpc.aio.insecure_channel(service.grpc) as channel:
        yield Calls(service, pb_grpc.WebhookServiceStub(channel))


def messages_of(received: list[Received]) -> list[str]:
    """Return the message IDs of what came."""
    return [json.loads(each.octets)["mail"]["messageId"] for each in received]


async def test_exactly_what_is_expected_comes_whatever_a_receiver_does(tmp_path: Path) -> None:
    """It fails, asks for a wait, does not want any more, and dies: each is told, and resumed."""
    receiver = Receiver()
    port = free_ports(1)
    service = Service(tmp_path, workers=1)
    async with service.running(ALLOW), calling(service) as calls:
        async with receiving(receiver, port=port):
            receiver.answers = [
                204,
                500,
                web.Response(status=429, headers={"Retry-After": "1800"}),
                410,
            ]
            secret = await calls.create(receiver.url)
            for number in range(2):
                assert await service.fetch(f"m{number}")
            failed = await calls.until(lambda webhook: webhook.failed_attempts == 1)
            await calls.resume()
            asked = await calls.until(lambda webhook: webhook.last_error == "answered 429")
            await calls.resume()
            gone = await calls.until(lambda webhook: webhook.state == pb.Webhook.STATE_PAUSED_GONE)
            await calls.resume()
            await calls.until_delivered()
        assert await service.fetch("m2")
        dead = await calls.until(lambda webhook: webhook.failed_attempts == 1)
        async with receiving(receiver, port=port):
            await calls.resume()
            well = await calls.until_delivered()

    assert sorted(messages_of(receiver.requests[:2])) == ["m0", "m1"]
    same = receiver.requests[1:5]
    assert len({(each.headers["webhook-id"], each.octets) for each in same}) == 1
    assert messages_of(receiver.requests[5:]) == ["m2"]
    assert failed.last_error == "answered 500"
    left = asked.next_attempt_time.ToDatetime(dt.UTC) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=20) < left <= dt.timedelta(minutes=30)
    assert gone.last_error == "answered 410"
    assert dead.last_error.startswith("no connection")
    assert (well.last_error, well.state) == ("", pb.Webhook.STATE_ACTIVE)
    assert well.HasField("last_success_time")
    for each in receiver.requests:
        standardwebhooks.Webhook(secret).verify(each.octets, dict(each.headers))


async def test_kill_between_answer_and_place_repeats_with_the_same_octets(tmp_path: Path) -> None:
    """What a receiver answered, and the service could not write down, comes once more, alike."""
    service = Service(tmp_path, workers=1)
    async with (
        service.running(ALLOW) as process,
        calling(service) as calls,
        receiving() as receiver,
    ):

        async def answer_the_dying(_: web.Request) -> web.StreamResponse:
            # Stopped, it cannot read the answer; it dies without having seen it.
            os.kill(log_process_of(process.pid), signal.SIGSTOP)
            return web.Response()

        receiver.answers = [204, answer_the_dying]
        await calls.create(receiver.url)
        assert await service.fetch("m0")
        await calls.until_delivered()
        assert await service.fetch("m1")
        await receiver.has_got(2)
        os.kill(log_process_of(process.pid), signal.SIGKILL)
        assert await service.fetch("m2")
        await receiver.has_got(4)
        await calls.until_delivered()

    assert messages_of(receiver.requests) == ["m0", "m1", "m1", "m2"]
    before, again = receiver.requests[1:3]
    assert before.headers["webhook-id"] == again.headers["webhook-id"]
    assert before.octets == again.octets


async def test_answer_is_waited_for_when_the_service_is_told_to_stop(tmp_path: Path) -> None:
    """A request that is under way counts, and nothing comes twice after the restart."""
    service = Service(tmp_path, workers=1)
    stopped = asyncio.Event()

    async def answer_late(_: web.Request) -> web.StreamResponse:
        await stopped.wait()
        return web.Response()

    async with receiving() as receiver:
        receiver.answers = [answer_late]
        async with service.running(ALLOW) as process, calling(service) as calls:
            await calls.create(receiver.url)
            for number in range(2):
                assert await service.fetch(f"m{number}")
            await receiver.has_got(1)
            process.terminate()
            await until_it_stops(service.admins[-1])
            stopped.set()
            await process.wait()
        assert len(receiver.requests) == 1
        async with service.running(ALLOW), calling(service) as calls:
            await calls.until_delivered()

    assert sorted(messages_of(receiver.requests)) == ["m0", "m1"]


async def until_it_stops(admin: str) -> None:
    """Wait until the process that answers operators' tools at *admin* says that it stops."""
    async with aiohttp.ClientSession() as operator:
        while True:
            async with operator.get(f"http://{admin}/readyz") as response:
                if response.status == 503:
                    return
            # There is nothing to wait for but the next look.
            await asyncio.sleep(0.01)


async def test_another_machine_takes_over(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    """It goes on with what the dead one could not write down, with the same ID and octets."""
    log_url = f"--log-url={postgres.url_of(database)}"
    services = [Service(tmp_path / name, workers=1) for name in ("one", "other")]
    for each in services:
        each.folder.mkdir()
    async with receiving() as receiver, contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(services[0].running(ALLOW, log_url))

        async def answer_the_dying(_: web.Request) -> web.StreamResponse:
            os.killpg(first.pid, signal.SIGKILL)
            return web.Response()

        receiver.answers = [204, answer_the_dying]
        async with calling(services[0]) as calls:
            await calls.create(receiver.url)
            assert await services[0].fetch("m0")
            await calls.until_delivered()
        await stack.enter_async_context(services[1].running(ALLOW, log_url))
        assert await services[1].fetch("m1")
        await receiver.has_got(2)
        assert await services[1].fetch("m2")
        # Half a minute later.
        await postgres.execute(database, "UPDATE open_webhooks SET lease_us = 0")
        await receiver.has_got(4)
        async with calling(services[1]) as calls:
            await calls.until_delivered()

    assert messages_of(receiver.requests) == ["m0", "m1", "m1", "m2"]
    before, again = receiver.requests[1:3]
    assert before.headers["webhook-id"] == again.headers["webhook-id"]
    assert before.octets == again.octets


async def test_anymail_reads_what_the_service_sends(tmp_path: Path) -> None:
    """Tags and the open's own time arrive in Django, and the password that keeps others out."""
    service = Service(tmp_path, workers=1)
    async with (
        service.running(ALLOW),
        calling(service) as calls,
        receiving() as receiver,
    ):
        await calls.create(receiver.url.replace("//", "//user:pass@"), format=pb.Webhook.FORMAT_SNS)
        tag = pixel_token_pb2.PixelToken.Tag(key="campaign", value="spring")
        await fetch(service.http, seal(a_token("m1", tags=[tag]), RING))
        await receiver.has_got(1)
        opened = dt.datetime.now(dt.UTC)

    (request,) = receiver.requests
    (event,) = events_of_request(request.octets, request.headers)
    assert request.headers["Authorization"] == f"Basic {b64encode(b'user:pass').decode()}"
    assert event.event_type == "opened"
    assert (event.message_id, event.recipient) == ("m1", "reader@example.org")
    assert event.tags == ["spring"]
    assert abs(event.timestamp - opened) < dt.timedelta(minutes=1)


async def test_no_request_goes_to_a_private_address(tmp_path: Path) -> None:
    """It cannot be asked for; and what led elsewhere when it was created is refused when sent."""
    service = Service(tmp_path, workers=1)
    async with receiving() as receiver:
        async with LogHome(url=f"sqlite:///{tmp_path}/opens.db").connect() as log:
            await log.webhooks.create(
                dataclasses.replace(
                    new_webhook(),
                    url=receiver.url.replace("127.0.0.1", "localhost"),
                    secrets=(WebhookSecret(text=secret_text(new_secret())),),
                )
            )
        async with service.running(), calling(service) as calls:
            assert await service.fetch("m")
            failing = await calls.until(lambda webhook: webhook.failed_attempts > 0)

    assert failing.last_error == "leads to an address that is not public"
    assert receiver.requests == []
