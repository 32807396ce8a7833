"""WebhookService keeps webhooks as the contract says; nothing is delivered here."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import webhook_service_pb2 as pb
from emailopens.pixel.v1 import webhook_service_pb2_grpc as pb_grpc
from emailopens_client import ApiKeyFile
from emailopens_client.channels import open_channel
from pixel_service.grpc_api import STATUS_OF, WebhookServicer
from pixel_service.open_log import BEGINNING, OpenLog, Position, encode_cursor
from pixel_service.webhooks import parse_secret
from service_runtime.admission import OPEN_TO_ALL, Admission
from service_runtime.api_keys import ApiKeys
from service_runtime.callers import Role
from service_runtime.drain import Drain
from service_runtime.grpc_server import grpc_server
from tests.fixtures.api_keys import a_key
from tests.pixel.grpc_api.rpc_values import failure_of, wrong_fields_of
from tests.pixel.open_log.log_values import new_opens, read_all
from tests.pixel.service_values import BEYOND, StreamService, a_log

URL = "https://user:pass@127.0.0.1/opens"
TOO_SHORT = "whsec_c2hvcnQ="
MINUTE = dt.timedelta(minutes=1)


async def create(
    stub: "pb_grpc.WebhookServiceAsyncStub",
    webhook_id: str = "crm",
    *,
    secret: str = "",
    position: pixel_pb.Position.ValueType = pixel_pb.POSITION_EARLIEST,
    **fields: object,
) -> pb.CreateWebhookResponse:
    """Create a webhook from the earliest open on."""
    webhook = pb.Webhook(**{"id": webhook_id, "url": URL, **fields})  # type: ignore[arg-type] # as named
    return await stub.CreateWebhook(
        pb.CreateWebhookRequest(webhook=webhook, position=position, secret=secret)
    )


async def get(stub: "pb_grpc.WebhookServiceAsyncStub", webhook_id: str = "crm") -> pb.Webhook:
    response = await stub.GetWebhook(pb.GetWebhookRequest(webhook_id=webhook_id))
    return response.webhook


async def listed(stub: "pb_grpc.WebhookServiceAsyncStub", *, page_size: int = 0) -> list[str]:
    """Return the IDs of all webhooks that are listed, page by page."""
    found: list[str] = []
    request = pb.ListWebhooksRequest(page_size=page_size)
    while True:
        page = await stub.ListWebhooks(request)
        found += [each.id for each in page.webhooks]
        request.page_token = page.next_page_token
        if not request.page_token:
            return found


async def places(log: OpenLog, count: int) -> list[Position]:
    """Append *count* opens; return the positions of all that are there."""
    await log.append(new_opens(count))
    return [entry.position for entry in await read_all(log)]


@contextlib.asynccontextmanager
async def webhooks_over(
    log: OpenLog, *, changes: list[None], admission: Admission = OPEN_TO_ALL
) -> AsyncIterator[str]:
    """Serve the webhooks of *log*, to public addresses alone; note changes."""
    servicer = WebhookServicer(
        open_log=log, allow_private=False, on_change=lambda: changes.append(None)
    )
    async with (
        admission.followed(),
        grpc_server(
            listen="127.0.0.1:0",
            services=[servicer.service(can_serve=lambda: True)],
            status_codes=STATUS_OF,
            drain=Drain(grace=dt.timedelta(0)),
            admission=admission,
        ) as address,
    ):
        yield address


async def test_webhook_comes_back_as_created(service: StreamService) -> None:
    """All that was asked for is kept, defaults are filled in, and no password is shown."""
    (first, *_) = await places(service.log, 3)
    response = await create(
        service.webhooks,
        format=pb.Webhook.FORMAT_SNS,
        configuration_ids=["shop", "news"],
        filter=pixel_pb.OpenFilter(
            exclude_agents=[notification_pb.AGENT_SCANNER], first_open_only=True
        ),
        refused_event_policy=pb.Webhook.REFUSED_EVENT_POLICY_PAUSE,
        # Output only.
        lag=77,
        state=pb.Webhook.STATE_PAUSED,
    )
    plain = await create(service.webhooks, "plain", position=pixel_pb.POSITION_LATEST)

    made = response.webhook
    assert made.url == plain.webhook.url == "https://user:***@127.0.0.1/opens"
    assert (made.state, made.lag, made.fell_behind) == (pb.Webhook.STATE_ACTIVE, 3, False)
    assert made.delivered_cursor == encode_cursor(BEGINNING, service.log.identity)
    assert list(made.configuration_ids) == ["news", "shop"]
    assert made.filter.exclude_agents == [notification_pb.AGENT_SCANNER]
    assert made.format == pb.Webhook.FORMAT_SNS
    assert made.refused_event_policy == pb.Webhook.REFUSED_EVENT_POLICY_PAUSE
    assert not made.HasField("last_success_time")
    assert not made.HasField("next_attempt_time")
    assert await get(service.webhooks) == made
    assert parse_secret(response.secret) is not None
    assert plain.webhook.format == pb.Webhook.FORMAT_JSON
    assert plain.webhook.refused_event_policy == pb.Webhook.REFUSED_EVENT_POLICY_SKIP
    assert plain.webhook.lag == 0
    assert plain.secret != response.secret
    assert first > BEGINNING


async def test_new_id_is_made_and_the_end_of_the_log_is_the_default(
    service: StreamService,
) -> None:
    """Whoever says only where to gets what comes from now on."""
    await places(service.log, 2)
    response = await service.webhooks.CreateWebhook(
        pb.CreateWebhookRequest(webhook=pb.Webhook(url=URL))
    )

    assert len(response.webhook.id) == 20
    assert response.webhook.lag == 0


async def test_secret_of_ones_own_is_kept(service: StreamService) -> None:
    """What the receiver knows already can be given, when creating and when rotating."""
    own = "whsec_" + "QUJD" * 8
    response = await create(service.webhooks, secret=own)
    rotated = await service.webhooks.RotateWebhookSecret(
        pb.RotateWebhookSecretRequest(webhook_id="crm", secret="whsec_" + "QUJE" * 8)
    )

    assert response.secret == own
    assert rotated.secret == "whsec_" + "QUJE" * 8
    kept = await service.log.webhooks.get("crm")
    assert [each.text for each in kept.secrets] == [rotated.secret, own]
    left = kept.secrets[1].expire_time
    assert left is not None
    now = dt.datetime.now(dt.UTC)
    assert now + dt.timedelta(hours=23) < left <= now + dt.timedelta(days=1)


async def test_secret_before_ends_at_once_if_that_is_wanted(service: StreamService) -> None:
    """An overlap of zero leaves the new secret alone."""
    await create(service.webhooks)
    request = pb.RotateWebhookSecretRequest(webhook_id="crm")
    request.overlap.seconds = 0
    rotated = await service.webhooks.RotateWebhookSecret(request)

    kept = await service.log.webhooks.get("crm")
    assert [each.text for each in kept.secrets] == [rotated.secret]


async def test_everything_that_is_wrong_is_said_at_once(service: StreamService) -> None:
    """A request names each field that cannot be."""
    request = pb.CreateWebhookRequest(
        webhook=pb.Webhook(
            id="No",
            url="crm.example",
            format=9,  # type: ignore[arg-type] # a newer client's
            refused_event_policy=9,  # type: ignore[arg-type] # a newer client's
            configuration_ids=["!"],
        ),
        secret=TOO_SHORT,
        position=9,  # type: ignore[arg-type] # a newer client's
    )
    rotate = pb.RotateWebhookSecretRequest(webhook_id="!", secret=TOO_SHORT)
    rotate.overlap.seconds = 31 * 24 * 3600

    assert sorted(await wrong_fields_of(service.webhooks.CreateWebhook(request))) == [
        "position",
        "secret",
        "webhook.configuration_ids[0]",
        "webhook.format",
        "webhook.id",
        "webhook.refused_event_policy",
        "webhook.url",
    ]
    assert await wrong_fields_of(service.webhooks.RotateWebhookSecret(rotate)) == [
        "webhook_id",
        "secret",
        "overlap",
    ]
    assert await wrong_fields_of(
        service.webhooks.ReplayWebhook(pb.ReplayWebhookRequest(webhook_id="crm"))
    ) == ["target"]
    assert await wrong_fields_of(
        service.webhooks.ListSkippedEvents(
            pb.ListSkippedEventsRequest(webhook_id="crm", page_size=-1, page_token=URL)
        )
    ) == ["page_size", "page_token"]


async def test_place_where_the_log_is_not_is_refused(service: StreamService) -> None:
    """Cursors ahead, or of another log, move nothing and create nothing."""
    await create(service.webhooks)
    ahead = encode_cursor(BEYOND, service.log.identity)
    created = service.webhooks.CreateWebhook(
        pb.CreateWebhookRequest(webhook=pb.Webhook(id="other", url=URL), after_cursor=ahead)
    )
    moved = service.webhooks.ReplayWebhook(
        pb.ReplayWebhookRequest(webhook_id="crm", after_cursor=ahead)
    )

    assert (await failure_of(created))[:2] == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD")
    assert (await failure_of(moved))[:2] == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD")
    assert await listed(service.webhooks) == ["crm"]


async def test_what_is_taken_or_not_there_is_said(service: StreamService) -> None:
    """An ID is given once, and every call names the webhook that it does not find."""
    await create(service.webhooks)
    stub, missing = service.webhooks, "gone"
    not_found = (grpc.StatusCode.NOT_FOUND, "WEBHOOK_NOT_FOUND", {"webhook_id": missing})

    assert await failure_of(create(stub)) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "WEBHOOK_EXISTS",
        {"webhook_id": "crm"},
    )
    for call in (
        stub.GetWebhook(pb.GetWebhookRequest(webhook_id=missing)),
        stub.PauseWebhook(pb.PauseWebhookRequest(webhook_id=missing)),
        stub.ResumeWebhook(pb.ResumeWebhookRequest(webhook_id=missing)),
        stub.ReplayWebhook(
            pb.ReplayWebhookRequest(webhook_id=missing, position=pixel_pb.POSITION_LATEST)
        ),
        stub.RotateWebhookSecret(pb.RotateWebhookSecretRequest(webhook_id=missing)),
        stub.ListSkippedEvents(pb.ListSkippedEventsRequest(webhook_id=missing)),
        stub.DeleteWebhook(pb.DeleteWebhookRequest(webhook_id=missing)),
    ):
        assert await failure_of(call) == not_found


async def test_webhooks_are_listed_by_id_page_by_page(service: StreamService) -> None:
    """Each is listed once, whatever the size of a page."""
    for webhook_id in ("c", "a", "d", "b"):
        await create(service.webhooks, webhook_id)

    assert await listed(service.webhooks) == ["a", "b", "c", "d"]
    assert await listed(service.webhooks, page_size=1) == ["a", "b", "c", "d"]
    assert await listed(service.webhooks, page_size=3) == ["a", "b", "c", "d"]


async def test_webhook_is_paused_resumed_moved_and_deleted(service: StreamService) -> None:
    """Each call returns the webhook as it is then."""
    (_, second, _) = await places(service.log, 3)
    await create(service.webhooks)
    stub = service.webhooks
    paused = await stub.PauseWebhook(pb.PauseWebhookRequest(webhook_id="crm"))
    moved = await stub.ReplayWebhook(
        pb.ReplayWebhookRequest(
            webhook_id="crm", after_cursor=encode_cursor(second, service.log.identity)
        )
    )
    resumed = await stub.ResumeWebhook(pb.ResumeWebhookRequest(webhook_id="crm"))
    await stub.DeleteWebhook(pb.DeleteWebhookRequest(webhook_id="crm"))

    assert paused.webhook.state == moved.webhook.state == pb.Webhook.STATE_PAUSED
    assert (moved.webhook.lag, resumed.webhook.lag) == (1, 1)
    assert resumed.webhook.state == pb.Webhook.STATE_ACTIVE
    assert await listed(stub) == []


async def test_failure_is_shown_while_it_is_active(service: StreamService) -> None:
    """What the last attempt failed with, how often, and when the next one is."""
    await create(service.webhooks)
    (mine,) = await service.log.webhooks.lease("me", length=MINUTE)
    next_time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    await service.log.webhooks.failed(
        mine, "me", error="answered 500", attempts=3, next_attempt_time=next_time
    )
    failing = await get(service.webhooks)
    paused = await service.webhooks.PauseWebhook(pb.PauseWebhookRequest(webhook_id="crm"))

    assert (failing.last_error, failing.failed_attempts) == ("answered 500", 3)
    assert failing.next_attempt_time.ToDatetime(dt.UTC) == next_time
    assert paused.webhook.last_error == "answered 500"
    assert not paused.webhook.HasField("next_attempt_time")


async def test_skipped_events_are_listed_the_latest_first(service: StreamService) -> None:
    """Page by page, each with a cursor from which it is sent again."""
    at = await places(service.log, 3)
    await create(service.webhooks)
    (mine,) = await service.log.webhooks.lease("me", length=MINUTE)
    for before, up_to in zip([BEGINNING, *at], at, strict=False):
        await service.log.webhooks.skip(
            mine, "me", event_id=f"{up_to.sequence}", before=before, up_to=up_to, error="422"
        )
    request = pb.ListSkippedEventsRequest(webhook_id="crm", page_size=2)
    page = await service.webhooks.ListSkippedEvents(request)
    request.page_token = page.next_page_token
    rest = await service.webhooks.ListSkippedEvents(request)

    found = [*page.skipped_events, *rest.skipped_events]
    assert (len(page.skipped_events), rest.next_page_token) == (2, "")
    assert [each.event_id for each in found] == [f"{each.sequence}" for each in reversed(at)]
    assert [each.cursor for each in found] == [
        encode_cursor(each, service.log.identity) for each in (at[1], at[0], BEGINNING)
    ]
    assert (await get(service.webhooks)).skipped_events == 3


async def test_each_change_is_told_to_whoever_delivers(tmp_path: Path) -> None:
    """Looking changes nothing, and what was refused has not either."""
    changes: list[None] = []
    async with (
        a_log(tmp_path) as log,
        webhooks_over(log, changes=changes) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: pb_grpc.WebhookServiceAsyncStub = pb_grpc.WebhookServiceStub(channel)
        await create(stub, url="https://192.0.1.1/")
        await stub.PauseWebhook(pb.PauseWebhookRequest(webhook_id="crm"))
        await stub.ResumeWebhook(pb.ResumeWebhookRequest(webhook_id="crm"))
        await stub.ReplayWebhook(
            pb.ReplayWebhookRequest(webhook_id="crm", position=pixel_pb.POSITION_LATEST)
        )
        await stub.RotateWebhookSecret(pb.RotateWebhookSecretRequest(webhook_id="crm"))
        assert len(changes) == 5
        await get(stub)
        await listed(stub)
        for url in ("https://127.0.0.1/", "http://192.0.1.1/", "https://localhost/"):
            assert await wrong_fields_of(create(stub, "other", url=url)) == ["webhook.url"]
        assert len(changes) == 5
        await stub.DeleteWebhook(pb.DeleteWebhookRequest(webhook_id="crm"))
        assert len(changes) == 6


async def test_limited_key_sees_its_own_webhooks_alone(tmp_path: Path) -> None:
    """Others' do not exist for it, and what names no configuration means all of its own."""
    for name, key in (
        ("admin", a_key(tmp_path / "keys", Role.ADMIN)),
        ("limited", a_key(tmp_path / "keys", Role.SUBSCRIBER, "news", "blog")),
        ("operator", a_key(tmp_path / "keys", Role.OPERATOR)),
    ):
        (tmp_path / name).write_text(key[1])
    async with (
        a_log(tmp_path) as log,
        webhooks_over(log, changes=[], admission=Admission(ApiKeys(tmp_path / "keys"))) as address,
        open_channel(address, api_key=ApiKeyFile(tmp_path / "admin")) as admins,
        open_channel(address, api_key=ApiKeyFile(tmp_path / "limited")) as limiteds,
        open_channel(address, api_key=ApiKeyFile(tmp_path / "operator")) as operators,
    ):
        admin: pb_grpc.WebhookServiceAsyncStub = pb_grpc.WebhookServiceStub(admins)
        limited: pb_grpc.WebhookServiceAsyncStub = pb_grpc.WebhookServiceStub(limiteds)
        operator: pb_grpc.WebhookServiceAsyncStub = pb_grpc.WebhookServiceStub(operators)
        url = "https://192.0.1.1/"
        await create(admin, "all", url=url)
        await create(admin, "blog", url=url, configuration_ids=["blog"])
        await create(admin, "shop", url=url, configuration_ids=["blog", "shop"])
        own = await create(limited, "own", url=url)

        assert list(own.webhook.configuration_ids) == ["blog", "news"]
        assert await listed(limited, page_size=1) == ["blog", "own"]
        assert await listed(operator) == ["all", "blog", "own", "shop"]
        assert await failure_of(
            create(limited, "other", url=url, configuration_ids=["news", "shop"])
        ) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "CONFIGURATION_NOT_ALLOWED",
            {"configuration_id": "shop"},
        )
        for other in ("all", "shop"):
            for call in (
                limited.GetWebhook(pb.GetWebhookRequest(webhook_id=other)),
                limited.PauseWebhook(pb.PauseWebhookRequest(webhook_id=other)),
                limited.ResumeWebhook(pb.ResumeWebhookRequest(webhook_id=other)),
                limited.ReplayWebhook(
                    pb.ReplayWebhookRequest(webhook_id=other, position=pixel_pb.POSITION_EARLIEST)
                ),
                limited.RotateWebhookSecret(pb.RotateWebhookSecretRequest(webhook_id=other)),
                limited.ListSkippedEvents(pb.ListSkippedEventsRequest(webhook_id=other)),
                limited.DeleteWebhook(pb.DeleteWebhookRequest(webhook_id=other)),
            ):
                assert (await failure_of(call))[0] is grpc.StatusCode.NOT_FOUND
        await limited.PauseWebhook(pb.PauseWebhookRequest(webhook_id="blog"))
        await operator.DeleteWebhook(pb.DeleteWebhookRequest(webhook_id="blog"))
        denied = await failure_of(create(operator, "ops", url=url))
        assert denied[:2] == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED")
