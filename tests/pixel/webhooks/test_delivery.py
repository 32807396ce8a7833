"""Webhooks get what follows their place, from a real log, at a real receiver."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import standardwebhooks
from aiohttp import web

from emailopens.pixel.v1 import webhook_service_pb2 as webhook_pb
from pixel_service.open_log import (
    BEGINNING,
    OpenLog,
    Webhook,
    WebhookSecret,
    WebhookState,
    WebhookStore,
)
from pixel_service.streaming import Tail, following
from pixel_service.webhooks import (
    MAX_REFUSALS,
    Deliveries,
    Reader,
    Sender,
    Surroundings,
    delivering,
    new_owner,
    new_secret,
    open_sender,
    secret_text,
)
from service_runtime.drain import Drain
from tests.fixtures.webhook_receiver import Receiver, receiving
from tests.pixel.open_log.log_values import new_open
from tests.pixel.service_values import a_log
from tests.pixel.webhooks.watched_store import WatchedStore

SECRETS = (new_secret(), new_secret())
DAY = dt.timedelta(days=1)


def a_webhook(url: str, webhook_id: str = "crm") -> Webhook:
    return Webhook(
        id=webhook_id,
        url=url,
        secrets=(WebhookSecret(text=secret_text(SECRETS[1])),),
        body_format=webhook_pb.Webhook.FORMAT_JSON,
        skips_refused=True,
        delivered=BEGINNING,
        create_time=dt.datetime.now(dt.UTC),
    )


@dataclasses.dataclass
class House:
    """A log that is followed, with all that deliveries need beside."""

    log: OpenLog
    tail: Tail
    sender: Sender
    waits: list[float]
    ahead: dt.timedelta
    """How far its clocks are ahead."""
    grown: list[Callable[[], None]]

    async def keeps(self, *webhooks: Webhook) -> WatchedStore:
        """Create webhooks in the log; return the store of it."""
        for webhook in webhooks:
            await self.log.webhooks.create(webhook)
        return WatchedStore(self.log)

    @contextlib.asynccontextmanager
    async def delivers(
        self, store: WatchedStore, drain: Drain | None = None
    ) -> AsyncIterator[Deliveries]:
        """Deliver inside the block; waits are noted, and over at once."""

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)
            await asyncio.sleep(0)

        shared = Surroundings(
            reader=Reader(self.log, self.tail),
            store=cast("WebhookStore", store),
            sender=self.sender,
            owner=new_owner(),
            drain=drain or Drain(),
            sleep=sleep,
            clock=lambda: time.monotonic() + self.ahead.total_seconds(),
            now=lambda: dt.datetime.now(dt.UTC) + self.ahead,
        )
        async with delivering(shared) as deliveries:
            self.grown.append(deliveries.log_has_grown)
            yield deliveries

    async def record(self, *event_ids: str, configuration_id: str = "news") -> list[str]:
        """Record opens; return their event IDs."""
        opens = [new_open(each, configuration_id=configuration_id) for each in event_ids]
        await self.log.append(opens)
        return list(event_ids)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    grown: list[Callable[[], None]] = []

    def on_news() -> None:
        for each in grown:
            each()

    async with (
        a_log(tmp_path) as log,
        following(log, on_news=on_news) as tail,
        open_sender(allow_private=True) as sender,
    ):
        yield House(log, tail, sender, [], dt.timedelta(0), grown)


async def test_opens_arrive_in_order_with_both_signatures(house: House, receiver: Receiver) -> None:
    """What was recorded before, and what comes later, is sent once each, in log order."""
    store = await house.keeps(a_webhook(receiver.url))
    await house.log.webhooks.rotate("crm", secret_text(SECRETS[0]), overlap=DAY)
    sent = await house.record("a:0", "b:0")

    async with house.delivers(store):
        await receiver.has_got(2)
        sent += await house.record("c:0")
        await store.until_at_end()

    assert await receiver.has_got(3) == sent
    for request in receiver.requests:
        for secret in SECRETS:
            judge = standardwebhooks.Webhook(secret_text(secret))
            event = judge.verify(request.octets, dict(request.headers))
            assert event["eventId"] == request.headers["webhook-id"]


async def test_failing_receiver_gets_the_same_until_it_takes_it(
    house: House, receiver: Receiver
) -> None:
    """Nothing is passed over, ID and octets stay, and the waits are those that were asked for."""
    store = await house.keeps(a_webhook(receiver.url))
    receiver.answers = [
        500,
        web.Response(status=429, headers={"Retry-After": "7"}),
        302,
        503,
    ]
    await house.record("a:0", "b:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(6) == ["a:0"] * 5 + ["b:0"]
    assert len({request.octets for request in receiver.requests[:5]}) == 1
    first, asked, third, fourth = house.waits
    assert 3.75 <= first <= 5
    assert asked == 7
    assert 15 <= third <= 20
    assert 30 <= fourth <= 40
    assert (await house.log.webhooks.get("crm")).last_error == ""


async def test_receiver_that_is_gone_pauses_the_webhook(house: House, receiver: Receiver) -> None:
    """After 410 nothing more is sent; resumed, it goes on with the same event."""
    store = await house.keeps(a_webhook(receiver.url))
    receiver.answers = [410]
    await house.record("a:0", "b:0")

    async with house.delivers(store) as deliveries:
        await store.until(lambda webhook: webhook.state is WebhookState.PAUSED_GONE)
        assert (await house.log.webhooks.get("crm")).last_error == "answered 410"
        assert await receiver.has_got(1) == ["a:0"]
        await house.log.webhooks.resume("crm")
        deliveries.webhooks_have_changed()
        await store.until_at_end()

    assert await receiver.has_got(3) == ["a:0", "a:0", "b:0"]


async def test_refused_event_is_skipped_and_listed(house: House, receiver: Receiver) -> None:
    """After ten refusals in a row it is the next one's turn, and the cursor leads back."""
    store = await house.keeps(a_webhook(receiver.url))
    receiver.answers = [204, *[422] * MAX_REFUSALS]
    await house.record("a:0", "b:0", "c:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(12) == ["a:0", *["b:0"] * MAX_REFUSALS, "c:0"]
    first = (await house.log.read(after=BEGINNING, max_entries=1, max_octets=1)).entries[0]
    (skipped,) = await store.skipped()
    assert (skipped.event_id, skipped.error) == ("b:0", "answered 422")
    assert skipped.before == first.position


async def test_refused_event_pauses_if_that_is_wanted(house: House, receiver: Receiver) -> None:
    """Nothing is skipped then, and nothing more is sent."""
    webhook = dataclasses.replace(a_webhook(receiver.url), skips_refused=False)
    store = await house.keeps(webhook)
    receiver.answers = [400] * MAX_REFUSALS
    await house.record("a:0", "b:0")

    async with house.delivers(store):
        await store.until(lambda webhook: webhook.state is WebhookState.PAUSED_EVENT_REFUSED)

    assert await receiver.has_got(10) == ["a:0"] * MAX_REFUSALS
    assert (await house.log.webhooks.get("crm")).delivered == BEGINNING


async def test_refusals_count_in_a_row_alone(house: House, receiver: Receiver) -> None:
    """An attempt that fails for another reason begins the count anew."""
    store = await house.keeps(a_webhook(receiver.url))
    receiver.answers = [*[400] * (MAX_REFUSALS - 1), 500, *[400] * (MAX_REFUSALS - 1)]
    await house.record("a:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(20) == ["a:0"] * 20
    assert await store.skipped() == []


async def test_refusals_of_an_erased_event_do_not_count_against_the_next(
    house: House, receiver: Receiver
) -> None:
    """An event that is refused once is tried again, whatever its predecessor came to."""
    store = await house.keeps(a_webhook(receiver.url))

    async def erase(_request: web.Request) -> web.StreamResponse:
        async for _ in house.log.erase(lambda octets: b"a:0" in octets):
            pass
        return web.Response(status=400)

    receiver.answers = [*[400] * (MAX_REFUSALS - 2), erase, 400]
    await house.record("a:0", "b:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(11) == ["a:0"] * (MAX_REFUSALS - 1) + ["b:0"] * 2
    assert await store.skipped() == []


async def test_webhook_whose_failing_event_is_erased_fails_no_longer(
    house: House, receiver: Receiver
) -> None:
    """There is nothing left to try again, so nothing is said to be."""
    store = await house.keeps(a_webhook(receiver.url))

    async def erase(_request: web.Request) -> web.StreamResponse:
        async for _ in house.log.erase(lambda octets: b"a:0" in octets):
            pass
        return web.Response(status=500)

    receiver.answers = [erase]
    await house.record("a:0")

    async with house.delivers(store):
        await store.until_at_end()

    webhook = await house.log.webhooks.get("crm")
    assert (webhook.failed_attempts, webhook.last_error, webhook.next_attempt_time) == (0, "", None)
    assert webhook.last_success_time is None


async def test_slow_webhook_slows_no_other(house: House, receiver: Receiver) -> None:
    """While one receiver does not answer, another gets everything."""
    released = asyncio.Event()

    async def never(_request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    async with receiving() as slow:
        slow.answers = [never]
        store = await house.keeps(a_webhook(slow.url, "slow"), a_webhook(receiver.url, "swift"))
        sent = await house.record(*[f"{number:02}:0" for number in range(20)])
        async with house.delivers(store):
            await slow.has_got(1)
            assert await receiver.has_got(20) == sent
            assert len(slow.requests) == 1
        released.set()


async def test_what_was_answered_and_not_written_down_is_sent_again_alike(
    house: House, receiver: Receiver
) -> None:
    """A process that ends between answer and acknowledgement leads to the same ID and octets."""
    store = await house.keeps(a_webhook(receiver.url))
    await house.record("a:0")
    store.writes_that_fail = 1_000_000
    async with house.delivers(store):
        await store.has_failed.wait()

    store.writes_that_fail = 0
    async with house.delivers(store):
        await store.until_at_end()

    one, other = receiver.requests
    assert one.headers["webhook-id"] == other.headers["webhook-id"] == "a:0"
    assert one.octets == other.octets


async def test_event_is_not_sent_again_while_the_log_is_away(
    house: House, receiver: Receiver
) -> None:
    """What a receiver has taken is written down when that is possible again."""
    store = await house.keeps(a_webhook(receiver.url))
    store.writes_that_fail = 3
    await house.record("a:0", "b:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(2) == ["a:0", "b:0"]


async def test_only_what_is_selected_is_sent(house: House, receiver: Receiver) -> None:
    """Opens of other configurations are passed over."""
    webhook = dataclasses.replace(a_webhook(receiver.url), configuration_ids=("news",))
    store = await house.keeps(webhook)
    await house.record("a:0", configuration_id="other")
    await house.record("b:0")
    await house.record("c:0", configuration_id="other")
    await house.record("d:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(2) == ["b:0", "d:0"]


async def test_webhook_behind_retention_goes_on_at_the_earliest(
    house: House, receiver: Receiver
) -> None:
    """What retention has removed is said to be missing, and what is left arrives."""
    store = await house.keeps(a_webhook(receiver.url))
    await house.record("a:0", "b:0")
    async for _ in house.log.trim(older_than=dt.timedelta(0)):
        pass
    await house.record("c:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(1) == ["c:0"]
    assert (await house.log.webhooks.get("crm")).fell_behind


async def test_erased_open_is_not_tried_again(house: House, receiver: Receiver) -> None:
    """What was erased while its receiver failed goes to nobody any more."""
    store = await house.keeps(a_webhook(receiver.url))

    async def erase(_request: web.Request) -> web.StreamResponse:
        async for _ in house.log.erase(lambda octets: b"a:0" in octets):
            pass
        return web.Response(status=500)

    receiver.answers = [erase]

    async with house.delivers(store):
        # While they are followed, so that they are in memory, too.
        await house.record("a:0", "b:0")
        await store.until_at_end()

    assert await receiver.has_got(2) == ["a:0", "b:0"]


async def test_what_is_erased_while_a_slow_receiver_answers_is_not_sent(
    house: House, receiver: Receiver
) -> None:
    """What was read together with the event before is read again if that has taken long."""
    store = await house.keeps(a_webhook(receiver.url))
    await house.record("a:0", "b:0", "c:0")

    async def erase(_request: web.Request) -> web.StreamResponse:
        async for _ in house.log.erase(lambda octets: b"b:0" in octets):
            pass
        house.ahead = dt.timedelta(seconds=11)
        return web.Response()

    receiver.answers = [erase]

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(2) == ["a:0", "c:0"]


async def test_webhook_of_another_process_is_left_to_it(house: House, receiver: Receiver) -> None:
    """One process delivers each; the other takes over when it has let go."""
    store = await house.keeps(a_webhook(receiver.url))
    async with contextlib.AsyncExitStack() as first:
        await first.enter_async_context(house.delivers(store))
        await house.record("a:0")
        await receiver.has_got(1)
        async with house.delivers(store) as other:
            await store.until_at_end()
            assert len(other) == 0
            await first.aclose()
            other.webhooks_have_changed()
            await house.record("b:0")
            assert await receiver.has_got(2) == ["a:0", "b:0"]


async def test_what_is_under_way_counts_when_a_webhook_is_paused(
    house: House, receiver: Receiver
) -> None:
    """The answer is waited for and written down, and nothing is sent after it."""
    store = await house.keeps(a_webhook(receiver.url))
    answer = asyncio.Event()
    receiver.answers = [_after(answer)]
    await house.record("a:0", "b:0")

    async with house.delivers(store) as deliveries:
        await receiver.has_got(1)
        await house.log.webhooks.pause("crm")
        await store.looked_at(deliveries)
        answer.set()
        await store.until(lambda webhook: webhook.delivered > BEGINNING)
        await store.looked_at(deliveries)
        assert len(deliveries) == 0

    assert await receiver.has_got(1) == ["a:0"]


async def test_answer_is_waited_for_when_the_process_ends(house: House, receiver: Receiver) -> None:
    """A drain sends nothing more, and what was answered in its grace is not sent again."""
    store = await house.keeps(a_webhook(receiver.url))
    drain, answer = Drain(grace=dt.timedelta(minutes=1)), asyncio.Event()
    receiver.answers = [_after(answer)]
    await house.record("a:0", "b:0")

    async with house.delivers(store, drain):
        await receiver.has_got(1)
        drain.begin()
        await asyncio.sleep(0)
        answer.set()
        await store.until(lambda webhook: webhook.delivered > BEGINNING)

    assert await receiver.has_got(1) == ["a:0"]
    async with house.delivers(store):
        assert await receiver.has_got(2) == ["a:0", "b:0"]


async def test_end_of_everything_else_does_not_cut_off_a_request(
    house: House, receiver: Receiver
) -> None:
    """Whoever runs deliveries has nothing left to do when the drain begins, and waits for them."""
    store = await house.keeps(a_webhook(receiver.url))
    drain, answer = Drain(), asyncio.Event()
    receiver.answers = [_after(answer)]
    await house.record("a:0")

    async with house.delivers(store, drain):
        await receiver.has_got(1)
        drain.begin()
        asyncio.get_running_loop().call_soon(answer.set)

    assert (await house.log.webhooks.get("crm")).delivered == await house.log.head()
    assert await receiver.has_got(1) == ["a:0"]


async def test_receiver_that_stalls_does_not_hold_up_the_end(
    house: House, receiver: Receiver
) -> None:
    """After its grace a drain waits for no answer; the event is sent again."""
    store = await house.keeps(a_webhook(receiver.url))
    drain, answer = Drain(grace=dt.timedelta(milliseconds=50)), asyncio.Event()
    receiver.answers = [_after(answer)]
    await house.record("a:0")

    async with house.delivers(store, drain):
        await receiver.has_got(1)
        drain.begin()
        await store.was_released.wait()
    answer.set()

    async with house.delivers(store):
        assert await receiver.has_got(2) == ["a:0", "a:0"]


async def test_replayed_webhook_begins_again_at_once(house: House, receiver: Receiver) -> None:
    """A request from before is given up, and what it would have said does not count."""
    store = await house.keeps(a_webhook(receiver.url))
    answer = asyncio.Event()
    receiver.answers = [204, _after(answer)]
    await house.record("a:0", "b:0")

    async with house.delivers(store) as deliveries:
        await receiver.has_got(2)
        await house.log.webhooks.replay("crm", to=BEGINNING)
        deliveries.webhooks_have_changed()
        await store.until_at_end()
    answer.set()

    assert await receiver.has_got(4) == ["a:0", "b:0", "a:0", "b:0"]


async def test_webhook_that_is_created_anew_goes_to_its_own_receiver(
    house: House, receiver: Receiver
) -> None:
    """Nothing more goes to the one before of the same ID, if nobody looked in between, too."""
    store = await house.keeps(a_webhook(receiver.url))
    await house.record("a:0")

    async with receiving() as other, house.delivers(store) as deliveries:
        await store.until_at_end()
        await house.log.webhooks.delete("crm")
        await house.log.webhooks.create(
            dataclasses.replace(a_webhook(other.url), delivered=await house.log.head())
        )
        await store.looked_at(deliveries)
        await house.record("b:0")
        assert await other.has_got(1) == ["b:0"]

    assert await receiver.has_got(1) == ["a:0"]


async def test_swift_receiver_does_not_cost_a_commit_for_each_event(
    house: House, receiver: Receiver
) -> None:
    """Places are written at intervals, and at the end of what there is."""
    store = await house.keeps(a_webhook(receiver.url))
    sent = await house.record(*[f"{number:03}:0" for number in range(200)])

    async with house.delivers(store):
        await store.until_at_end()

    assert await receiver.has_got(200) == sent
    assert store.writes < len(sent)


async def test_replaced_secret_signs_no_longer_than_it_was_given(
    house: House, receiver: Receiver
) -> None:
    """It ends on time, also if nobody has touched the webhook since."""
    webhook = a_webhook(receiver.url)
    store = await house.keeps(webhook)
    await house.log.webhooks.rotate("crm", secret_text(SECRETS[0]), overlap=DAY)
    house.ahead = DAY
    await house.record("a:0")

    async with house.delivers(store):
        await receiver.has_got(1)

    assert receiver.requests[0].headers["webhook-signature"].count("v1,") == 1


async def test_clock_that_is_set_back_makes_nobody_wait_for_days(
    house: House, receiver: Receiver
) -> None:
    """The next attempt is due after an hour at most, as long as anybody may ask for."""
    store = await house.keeps(a_webhook(receiver.url))
    (mine,) = await house.log.webhooks.lease("before", length=DAY)
    await house.log.webhooks.failed(
        mine,
        "before",
        error="answered 503",
        attempts=3,
        next_attempt_time=dt.datetime.now(dt.UTC) + DAY,
    )
    await house.log.webhooks.release("before")
    await house.record("a:0")

    async with house.delivers(store):
        await store.until_at_end()

    assert house.waits == [3600]


async def test_what_cannot_be_read_is_said_and_tried_again(
    house: House, receiver: Receiver
) -> None:
    """A damaged event is not passed over in silence, and what it says is in no log."""
    store = await house.keeps(a_webhook(receiver.url))
    await house.log.append([dataclasses.replace(new_open("a:0"), notification=b"\xff" * 20)])

    async with house.delivers(store):
        await store.until(lambda webhook: webhook.failed_attempts > 1)

    webhook = await house.log.webhooks.get("crm")
    assert webhook.last_error == "the event cannot be read (DecodeError)"
    assert webhook.delivered == BEGINNING
    assert receiver.requests == []


def _after(event: asyncio.Event) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return an answer that waits for *event*."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        await event.wait()
        return web.Response()

    return answer


async def test_place_is_written_while_nothing_is_to_be_sent(
    house: House, receiver: Receiver
) -> None:
    """Whoever delivers next need not read all of a long log again."""
    others = dataclasses.replace(a_webhook(receiver.url), configuration_ids=("others",))
    store = await house.keeps(others)
    await house.record(*(f"{number}:0" for number in range(300)))

    async with house.delivers(store):
        await store.until_at_end()

    assert store.writes > 1
    assert not receiver.requests
