"""A subscriber's key that is limited to configurations sees those alone."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import grpc
import pytest

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from emailopens.pixel.v1 import subscription_service_pb2 as subscription_pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as subscription_pb_grpc
from emailopens_client import ApiKeyFile
from emailopens_client.channels import open_channel
from pixel_service.open_log import OpenLog
from service_runtime.admission import Admission
from service_runtime.api_keys import ApiKeys
from service_runtime.api_keys.key_file import remove_key
from service_runtime.callers import Role
from tests.fixtures.api_keys import a_key
from tests.pixel.grpc_api.rpc_values import failure_of
from tests.pixel.open_log.log_values import an_open_of, event_ids, new_open
from tests.pixel.service_values import a_log, streaming

DENIED = (
    grpc.StatusCode.PERMISSION_DENIED,
    "CONFIGURATION_NOT_ALLOWED",
    {"configuration_id": "shop"},
)
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "SUBSCRIPTION_NOT_FOUND", {"subscription_id": "other"})
# What ends, ends within moments; by then a test is broken.
_SECONDS = 20.0
OPENS = [new_open(configuration_id=each) for each in ("news", "shop", "blog", "news")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Stubs with the key of one role."""

    pixel: "pb_grpc.PixelServiceAsyncStub"
    subscriptions: "subscription_pb_grpc.SubscriptionServiceAsyncStub"

    async def create(
        self, subscription_id: str, *configuration_ids: str
    ) -> subscription_pb.Subscription:
        """Create a subscription from the earliest open on."""
        response = await self.subscriptions.CreateSubscription(
            subscription_pb.CreateSubscriptionRequest(
                subscription=subscription_pb.Subscription(
                    id=subscription_id, configuration_ids=configuration_ids
                ),
                position=pb.POSITION_EARLIEST,
            )
        )
        return response.subscription

    async def listed(self, *, page_size: int = 0) -> list[str]:
        """Return the IDs of all subscriptions that are listed, page by page."""
        found: list[str] = []
        request = subscription_pb.ListSubscriptionsRequest(page_size=page_size)
        while True:
            page = await self.subscriptions.ListSubscriptions(request)
            found += [each.id for each in page.subscriptions]
            request.page_token = page.next_page_token
            if not request.page_token:
                return found


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[OpenLog]:
    async with a_log(tmp_path) as open_log:
        await open_log.append(OPENS)
        yield open_log


@pytest.fixture
async def address(log: OpenLog, tmp_path: Path) -> AsyncIterator[str]:
    """Serve with keys: an admin's, and one for `news` and `blog`."""
    for name, key in (
        ("admin", a_key(tmp_path / "keys", Role.ADMIN)),
        ("limited", a_key(tmp_path / "keys", Role.SUBSCRIBER, "news", "blog")),
    ):
        (tmp_path / name).write_text(key[1])
    async with streaming(log, admission=Admission(ApiKeys(tmp_path / "keys"))) as service:
        yield service.address


@pytest.fixture
async def limited(address: str, tmp_path: Path) -> AsyncIterator[Client]:
    async with open_channel(address, api_key=ApiKeyFile(tmp_path / "limited")) as channel:
        yield client(channel)


@pytest.fixture
async def admin(address: str, tmp_path: Path) -> AsyncIterator[Client]:
    async with open_channel(address, api_key=ApiKeyFile(tmp_path / "admin")) as channel:
        yield client(channel)


def client(channel: grpc.aio.Channel) -> Client:
    return Client(
        pixel=pb_grpc.PixelServiceStub(channel),
        subscriptions=subscription_pb_grpc.SubscriptionServiceStub(channel),
    )


async def streamed(client: Client, **fields: object) -> list[str]:
    """Return the event IDs of what a stream up to the head brings."""
    request = pb.StreamOpensRequest(stop_at_head=True, **fields)  # type: ignore[arg-type] # as named
    return [
        each.event_id
        async for response in client.pixel.StreamOpens(request)
        for each in response.batch.notifications
    ]


async def test_no_configuration_means_all_that_the_key_may_see(limited: Client) -> None:
    """Streams and lists that name none have the key's own, and nothing else."""
    own = event_ids([OPENS[0], OPENS[2], OPENS[3]])
    listed = await limited.pixel.ListOpens(pb.ListOpensRequest())

    assert await streamed(limited, position=pb.POSITION_EARLIEST) == own
    assert event_ids(listed.notifications) == own


async def test_one_of_its_own_may_be_named(limited: Client, admin: Client) -> None:
    """A request narrows further; an unlimited key sees whatever it names."""
    news = event_ids([OPENS[0], OPENS[3]])
    start = {"position": pb.POSITION_EARLIEST}

    assert await streamed(limited, configuration_ids=["news"], **start) == news
    assert await streamed(admin, configuration_ids=["shop"], **start) == event_ids([OPENS[1]])
    assert len(await streamed(admin, **start)) == len(OPENS)


async def test_anothers_configuration_is_refused_by_name(limited: Client) -> None:
    """Whoever names another's gets nothing, not even the part that is theirs."""
    both = ["news", "shop"]
    stream = limited.pixel.StreamOpens(
        pb.StreamOpensRequest(configuration_ids=both, position=pb.POSITION_EARLIEST)
    )
    listing = limited.pixel.ListOpens(pb.ListOpensRequest(configuration_ids=both))

    assert await failure_of(stream.read()) == DENIED
    assert await failure_of(listing) == DENIED
    assert await failure_of(limited.create("crm", *both)) == DENIED


async def test_a_search_finds_its_own_alone(limited: Client, log: OpenLog) -> None:
    """What is another's is not found, and cannot be asked for."""
    opens = [an_open_of("m1", configuration_id=each) for each in ("news", "shop")]
    await log.append(opens)
    search = limited.pixel.SearchOpens(pb.SearchOpensRequest(message_id="m1"))
    found = [each for response in [one async for one in search] for each in response.notifications]
    others = pb.SearchOpensRequest(message_id="m1", configuration_ids=["shop"])

    assert event_ids(found) == event_ids(opens[:1])
    assert await failure_of(limited.pixel.SearchOpens(others).read()) == DENIED


async def test_a_subscription_to_nothing_named_is_to_its_own(limited: Client) -> None:
    """A limited key's subscription has the key's configurations, whatever it left out."""
    made = await limited.create("crm")

    assert list(made.configuration_ids) == ["blog", "news"]
    assert await streamed(limited, subscription_id="crm") == event_ids(
        [OPENS[0], OPENS[2], OPENS[3]]
    )


@pytest.mark.parametrize("configuration_ids", [(), ("shop",), ("news", "shop")])
async def test_others_subscriptions_do_not_exist(
    limited: Client, admin: Client, configuration_ids: tuple[str, ...]
) -> None:
    """One to everything, to others', or to more than its own: no call tells that it is there."""
    await admin.create("other", *configuration_ids)
    stream = admin.pixel.StreamOpens(pb.StreamOpensRequest(subscription_id="other"))
    started = await stream.read()
    assert isinstance(started, pb.StreamOpensResponse)
    cursor, token = started.started.head_cursor, started.started.session_token
    subscriptions = limited.subscriptions

    refused: list[Awaitable[object]] = [
        limited.pixel.StreamOpens(pb.StreamOpensRequest(subscription_id="other")).read(),
        limited.pixel.AcknowledgeOpens(
            pb.AcknowledgeOpensRequest(subscription_id="other", cursor=cursor, session_token=token)
        ),
        subscriptions.GetSubscription(
            subscription_pb.GetSubscriptionRequest(subscription_id="other")
        ),
        subscriptions.SeekSubscription(
            subscription_pb.SeekSubscriptionRequest(
                subscription_id="other", position=pb.POSITION_LATEST
            )
        ),
        subscriptions.PauseSubscription(
            subscription_pb.PauseSubscriptionRequest(subscription_id="other")
        ),
        subscriptions.ResumeSubscription(
            subscription_pb.ResumeSubscriptionRequest(subscription_id="other")
        ),
        subscriptions.DeleteSubscription(
            subscription_pb.DeleteSubscriptionRequest(subscription_id="other")
        ),
    ]
    for each in refused:
        assert await failure_of(each) == NOT_FOUND
    # Its owner has noticed nothing.
    acknowledged = await admin.pixel.AcknowledgeOpens(
        pb.AcknowledgeOpensRequest(subscription_id="other", cursor=cursor, session_token=token)
    )
    assert acknowledged.cursor == cursor
    assert await limited.listed() == []
    stream.cancel()


async def test_lists_have_its_own_on_every_page(limited: Client, admin: Client) -> None:
    """Pages are full, and neither they nor their tokens tell of others'."""
    for number in range(4):
        await admin.create(f"a{number}", "shop")
        await limited.create(f"b{number}", "news")

    assert await limited.listed(page_size=3) == ["b0", "b1", "b2", "b3"]
    assert len(await admin.listed(page_size=3)) == 8
    page = await limited.subscriptions.ListSubscriptions(
        subscription_pb.ListSubscriptionsRequest(page_size=3)
    )
    assert len(page.subscriptions) == 3


async def test_streams_end_with_their_key(limited: Client, admin: Client, tmp_path: Path) -> None:
    """Those of opens, also of a subscription, end soon after their key was revoked."""
    await limited.create("crm")
    start = pb.StreamOpensRequest(position=pb.POSITION_LATEST)
    streams = [
        limited.pixel.StreamOpens(start),
        limited.pixel.StreamOpens(pb.StreamOpensRequest(subscription_id="crm")),
    ]
    kept = admin.pixel.StreamOpens(start)
    for each in (*streams, kept):
        await each.read()
    key_id = (tmp_path / "limited").read_text().split("_")[2]

    remove_key(tmp_path / "keys", key_id)
    ends = [await end_of(each) for each in streams]

    assert ends == 2 * [(grpc.StatusCode.UNAUTHENTICATED, "API_KEY_INVALID", {})]
    assert not kept.done()
    kept.cancel()
    request = subscription_pb.GetSubscriptionRequest(subscription_id="crm")
    async with asyncio.timeout(_SECONDS):
        while (
            found := (await admin.subscriptions.GetSubscription(request))
        ).subscription.streaming:
            pass
    how = found.subscription.last_stream_end
    assert (how.code, how.reason) == ("UNAUTHENTICATED", "API_KEY_INVALID")


async def end_of(
    stream: grpc.aio.UnaryStreamCall[pb.StreamOpensRequest, pb.StreamOpensResponse],
) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Return what a stream ends with, whatever it brings before."""

    async def read_all() -> None:
        while await stream.read() is not grpc.aio.EOF:
            pass

    return await failure_of(read_all())


async def test_its_own_subscription_is_kept_as_by_anybody(limited: Client) -> None:
    """A limited key streams, acknowledges, moves and deletes what is its own."""
    await limited.create("crm", "news")
    stream = limited.pixel.StreamOpens(pb.StreamOpensRequest(subscription_id="crm"))
    started = await stream.read()
    assert isinstance(started, pb.StreamOpensResponse)
    acknowledged = await limited.pixel.AcknowledgeOpens(
        pb.AcknowledgeOpensRequest(
            subscription_id="crm",
            cursor=started.started.head_cursor,
            session_token=started.started.session_token,
        )
    )
    stream.cancel()
    moved = await limited.subscriptions.SeekSubscription(
        subscription_pb.SeekSubscriptionRequest(
            subscription_id="crm", position=pb.POSITION_EARLIEST
        )
    )
    await limited.subscriptions.DeleteSubscription(
        subscription_pb.DeleteSubscriptionRequest(subscription_id="crm")
    )

    assert acknowledged.cursor == started.started.head_cursor
    assert moved.subscription.lag == len(OPENS)
    assert await limited.listed() == []
