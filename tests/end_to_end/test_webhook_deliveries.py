"""Webhooks of a service that runs as processes, at a real receiver."""

import asyncio
import datetime as dt
import os
import signal
from pathlib import Path

import aiohttp
from aiohttp import web

from emailopens.pixel.v1 import webhook_service_pb2 as webhook_pb
from examples.pair import Pair, pixel_options, running_service
from pixel_service.open_log import BEGINNING, Webhook, WebhookSecret
from pixel_service.settings import default_log_url
from pixel_service.webhooks import new_secret, secret_text
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.fixtures.webhook_receiver import receiving
from tests.pixel.service_values import a_token, log_at, seal
from tests.pixel.test_workers import children_of


async def fetch(pair: Pair, token: str) -> None:
    """Fetch a pixel, as a mail client does."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{pair.pixel_http}/o/{token}.gif") as response,
    ):
        assert response.status == 200


async def create_webhook(data: Path, url: str) -> None:
    """Create a webhook in the log of a service that does not run."""
    async with log_at(default_log_url(data)) as log:
        await log.webhooks.create(
            Webhook(
                id="crm",
                url=url,
                secrets=(WebhookSecret(text=secret_text(new_secret())),),
                body_format=webhook_pb.Webhook.FORMAT_JSON,
                skips_refused=True,
                delivered=BEGINNING,
                create_time=dt.datetime.now(dt.UTC),
            )
        )


async def test_event_is_sent_again_alike_when_the_service_is_killed_before_it_noted_the_answer(
    ports: Pair, tmp_path: Path
) -> None:
    """Its processes are killed while a request is answered: ID and octets come again."""
    ring = generate_key_ring()
    write_key_ring(tmp_path / "token_keys", ring)
    async with receiving() as receiver:
        await create_webhook(tmp_path, receiver.url)
        options = [*pixel_options(ports, tmp_path), "--webhook-allow-private", "--workers=1"]
        with running_service("pixel-service", options, ready_at=ports.pixel) as supervisor:
            are_fetched = asyncio.Event()

            async def kill(_request: web.Request) -> web.StreamResponse:
                await are_fetched.wait()
                for pid in children_of(supervisor.pid):
                    os.kill(pid, signal.SIGKILL)
                return web.Response()

            receiver.answers = [kill]
            for message_id in ("m1", "m2"):
                await fetch(ports, seal(a_token(message_id), ring))
            are_fetched.set()
            async with asyncio.timeout(60):
                first, again, second = await receiver.has_got(3)
    assert first == again != second
    assert receiver.requests[0].octets == receiver.requests[1].octets
