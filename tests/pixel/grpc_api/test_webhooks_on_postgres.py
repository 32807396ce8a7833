"""Webhooks of several machines that share a log on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import webhook_service_pb2 as pb
from pixel_service.open_log.sql import webhook_statements
from tests.fixtures.postgres import Postgres
from tests.pixel.grpc_api.rpc_values import failure_of
from tests.pixel.open_log.log_values import new_opens
from tests.pixel.service_values import StreamService, log_at, streaming

URL = "https://127.0.0.1/opens"


@pytest.fixture
async def machines(postgres: Postgres, database: str) -> AsyncIterator[list[StreamService]]:
    """Serve one log twice."""
    url = postgres.url_of(database)
    async with (
        log_at(url) as one,
        log_at(url) as other,
        streaming(one) as first,
        streaming(other) as second,
    ):
        yield [first, second]


async def created_at_once(
    machines: Sequence[StreamService], *webhook_ids: str
) -> list[pb.CreateWebhookResponse | BaseException]:
    """Create a webhook at each of *machines* at the same time; return what comes of it."""
    requests = [
        pb.CreateWebhookRequest(webhook=pb.Webhook(id=each, url=URL)) for each in webhook_ids
    ]
    calls = [
        machine.webhooks.CreateWebhook(request)
        for machine, request in zip(machines, requests, strict=True)
    ]
    return await asyncio.gather(*calls, return_exceptions=True)


async def refusal(outcomes: Sequence[object]) -> tuple[object, str]:
    """Return with what the one call has failed that did."""
    (error,) = [each for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]

    async def fail() -> None:
        raise error

    status, reason, _ = await failure_of(fail())
    return status, reason


async def test_what_one_machine_changes_all_see(machines: list[StreamService]) -> None:
    """A webhook is created here, moved and paused there, and deleted here."""
    here, there = machines
    await here.log.append(new_opens(2))
    await here.webhooks.CreateWebhook(
        pb.CreateWebhookRequest(webhook=pb.Webhook(id="crm", url=URL))
    )
    await there.webhooks.ReplayWebhook(
        pb.ReplayWebhookRequest(webhook_id="crm", position=pixel_pb.POSITION_EARLIEST)
    )
    await there.webhooks.PauseWebhook(pb.PauseWebhookRequest(webhook_id="crm"))
    found = await here.webhooks.GetWebhook(pb.GetWebhookRequest(webhook_id="crm"))
    await here.webhooks.DeleteWebhook(pb.DeleteWebhookRequest(webhook_id="crm"))
    left = await there.webhooks.ListWebhooks(pb.ListWebhooksRequest())

    assert (found.webhook.state, found.webhook.lag) == (pb.Webhook.STATE_PAUSED, 2)
    assert list(left.webhooks) == []


async def test_an_id_is_given_once_whoever_is_asked(machines: list[StreamService]) -> None:
    """Of two that ask for one ID at the same time, one gets it and the other an answer."""
    outcomes = await created_at_once(machines, "crm", "crm")

    assert await refusal(outcomes) == (grpc.StatusCode.ALREADY_EXISTS, "WEBHOOK_EXISTS")


async def test_the_last_place_is_given_once(
    machines: list[StreamService], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quota holds for all machines together."""
    monkeypatch.setattr(webhook_statements, "MAX_WEBHOOKS", 1)
    outcomes = await created_at_once(machines, "crm", "erp")

    assert await refusal(outcomes) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "WEBHOOK_QUOTA")
