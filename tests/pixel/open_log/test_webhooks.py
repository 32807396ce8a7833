"""What the keeping of webhooks promises: `WebhookStore`, on every backend."""

import dataclasses
import datetime as dt

import pytest

from pixel_service.errors import (
    CursorAhead,
    CursorExpired,
    WebhookExists,
    WebhookNotFound,
    WebhookQuota,
)
from pixel_service.open_log import (
    BEGINNING,
    MAX_WEBHOOK_SECRETS,
    MAX_WEBHOOKS,
    OpenLog,
    Position,
    WebhookLeaseLost,
    WebhookState,
)
from pixel_service.open_log.sql import webhook_statements
from tests.pixel.open_log.log_values import LogHome, new_opens, read_all, trim
from tests.pixel.open_log.webhook_values import new_webhook

MINUTE = dt.timedelta(minutes=1)
NOTHING = dt.timedelta(0)


async def positions(log: OpenLog, count: int) -> list[Position]:
    """Append *count* opens; return the positions of all that are there."""
    await log.append(new_opens(count))
    return [entry.position for entry in await read_all(log)]


async def skip(log: OpenLog, place: Position, event_id: str) -> None:
    """List the open at *place* as skipped by the webhook that is active."""
    (webhook,) = await log.webhooks.lease("me", length=MINUTE)
    await log.webhooks.skip(
        webhook, "me", event_id=event_id, before=BEGINNING, up_to=place, error="status 422"
    )


async def skipped_ids(log: OpenLog, webhook_id: str = "crm") -> list[str]:
    """Return what a webhook lists, the latest first."""
    page = await log.webhooks.skipped(webhook_id, below=None, limit=10)
    return [event.event_id for _, event in page]


async def test_a_webhook_is_kept_as_created(log_home: LogHome) -> None:
    """All that was asked for comes back, also after reopening, and no text of it is in `repr`."""
    async with log_home.connect() as log:
        created = await log.webhooks.create(new_webhook())
    async with log_home.connect() as log:
        found = await log.webhooks.get("crm")
        assert found == created
        assert await log.webhooks.page(after_id="", limit=10) == [created]
    assert found == dataclasses.replace(new_webhook(), create_time=found.create_time)
    assert "secret@" not in repr(found)


async def test_an_id_is_given_once(log: OpenLog) -> None:
    """A second webhook of the same ID is refused."""
    await log.webhooks.create(new_webhook())
    with pytest.raises(WebhookExists):
        await log.webhooks.create(new_webhook())


async def test_there_are_so_many_webhooks_and_no_more(log: OpenLog) -> None:
    """One more than the quota is refused, until another is deleted."""
    for index in range(MAX_WEBHOOKS):
        await log.webhooks.create(new_webhook(f"w{index}"))
    with pytest.raises(WebhookQuota):
        await log.webhooks.create(new_webhook())
    await log.webhooks.delete("w7")
    await log.webhooks.create(new_webhook())


async def test_what_is_not_there_is_not_found(log: OpenLog) -> None:
    """Every call that names an unknown webhook says so."""
    store = log.webhooks
    for call in (
        store.get("crm"),
        store.pause("crm"),
        store.resume("crm"),
        store.replay("crm", to=BEGINNING),
        store.rotate("crm", "other", overlap=MINUTE),
        store.delete("crm"),
        store.skipped("crm", below=None, limit=1),
    ):
        with pytest.raises(WebhookNotFound):
            await call


async def test_a_webhook_cannot_be_where_the_log_is_not(log: OpenLog) -> None:
    """Starting or replaying beyond the end, or before the retained part, is refused."""
    places = await positions(log, 4)
    await log.webhooks.create(new_webhook(at=places[0]))
    await trim(log, older_than=NOTHING)
    assert (await log.webhooks.get("crm")).fell_behind
    beyond = Position(places[-1].transaction, places[-1].sequence + 1)
    for place, error in ((places[1], CursorExpired), (beyond, CursorAhead)):
        with pytest.raises(error):
            await log.webhooks.create(new_webhook("other", at=place))
        with pytest.raises(error):
            await log.webhooks.replay("crm", to=place)


async def test_one_owner_delivers_a_webhook(log: OpenLog) -> None:
    """Another gets it once the lease has ended, or was given back, and the first writes no more."""
    await log.webhooks.create(new_webhook())
    (mine,) = await log.webhooks.lease("me", length=MINUTE)
    assert await log.webhooks.lease("other", length=MINUTE) == []
    assert await log.webhooks.lease("me", length=MINUTE) == [mine]
    await log.webhooks.release("me")
    assert await log.webhooks.lease("other", length=NOTHING) == [mine]
    with pytest.raises(WebhookLeaseLost):
        await log.webhooks.passed_over(mine, "me", up_to=BEGINNING)
    assert await log.webhooks.lease("me", length=MINUTE) == [mine]


async def test_a_success_moves_it_and_ends_the_failures(log: OpenLog) -> None:
    """What is delivered is kept with the time, and the error from before is gone."""
    places = await positions(log, 2)
    await log.webhooks.create(new_webhook())
    (mine,) = await log.webhooks.lease("me", length=MINUTE)
    when = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    await log.webhooks.failed(mine, "me", error="status 500", attempts=3, next_attempt_time=when)
    failing = await log.webhooks.get("crm")
    assert (failing.last_error, failing.failed_attempts) == ("status 500", 3)
    assert (failing.next_attempt_time, failing.last_success_time) == (when, None)
    await log.webhooks.delivered(mine, "me", up_to=places[0])
    found = await log.webhooks.get("crm")
    assert (found.delivered, found.lag, found.last_error) == (places[0], 1, "")
    assert (found.failed_attempts, found.next_attempt_time) == (0, None)
    assert found.last_success_time is not None


async def test_one_that_is_created_anew_is_another(log: OpenLog) -> None:
    """What was begun for the one before, of the same ID, does not move it."""
    places = await positions(log, 1)
    await log.webhooks.create(new_webhook())
    (before,) = await log.webhooks.lease("me", length=MINUTE)
    await log.webhooks.delete("crm")
    await log.webhooks.create(new_webhook())
    (now,) = await log.webhooks.lease("me", length=MINUTE)

    assert not now.is_same_as(before)
    with pytest.raises(WebhookLeaseLost):
        await log.webhooks.delivered(before, "me", up_to=places[0])
    await log.webhooks.delivered(now, "me", up_to=places[0])


async def test_a_replay_makes_what_was_begun_count_no_more(log: OpenLog) -> None:
    """An answer to a request from before the replay does not move the webhook."""
    places = await positions(log, 2)
    await log.webhooks.create(new_webhook())
    (mine,) = await log.webhooks.lease("me", length=MINUTE)
    await log.webhooks.replay("crm", to=BEGINNING)
    with pytest.raises(WebhookLeaseLost):
        await log.webhooks.delivered(mine, "me", up_to=places[1])
    assert (await log.webhooks.get("crm")).delivered == BEGINNING


async def test_a_paused_webhook_is_not_leased_and_its_last_request_counts(log: OpenLog) -> None:
    """What was under way is noted; nobody gets the webhook until it is resumed."""
    places = await positions(log, 1)
    await log.webhooks.create(new_webhook())
    (mine,) = await log.webhooks.lease("me", length=MINUTE)
    assert (await log.webhooks.pause("crm")).state is WebhookState.PAUSED
    await log.webhooks.delivered(mine, "me", up_to=places[0])
    assert await log.webhooks.lease("me", length=MINUTE) == []
    resumed = await log.webhooks.resume("crm")
    assert (resumed.state, resumed.delivered) == (WebhookState.ACTIVE, places[0])
    (again,) = await log.webhooks.lease("me", length=MINUTE)
    await log.webhooks.paused(again, "me", state=WebhookState.PAUSED_GONE, error="status 410")
    assert (await log.webhooks.pause("crm")).state is WebhookState.PAUSED_GONE


async def test_secrets_overlap_for_as_long_as_was_said(log: OpenLog) -> None:
    """The newest secret signs first, and one without overlap is gone."""
    await log.webhooks.create(new_webhook())
    both = await log.webhooks.rotate("crm", "second", overlap=MINUTE)
    assert [each.text for each in both.secrets] == ["second", "first"]
    one = await log.webhooks.rotate("crm", "third", overlap=NOTHING)
    assert [each.text for each in one.secrets] == ["third"]


async def test_so_many_secrets_sign_and_no_more(log: OpenLog) -> None:
    """Whoever rotates again and again makes no request larger without end: the oldest goes."""
    await log.webhooks.create(new_webhook())
    for index in range(MAX_WEBHOOK_SECRETS + 1):
        rotated = await log.webhooks.rotate("crm", f"{index}", overlap=MINUTE)
    assert [each.text for each in rotated.secrets] == [
        f"{index}" for index in range(MAX_WEBHOOK_SECRETS, 0, -1)
    ]


async def test_skipped_events_are_listed_the_latest_first(log: OpenLog) -> None:
    """Each once, also if it was skipped again, and all go with the webhook."""
    places = await positions(log, 3)
    await log.webhooks.create(new_webhook())
    for index in (0, 1, 0):
        await skip(log, places[index], f"event{index}")
    assert await skipped_ids(log) == ["event0", "event1"]
    found = await log.webhooks.get("crm")
    assert (found.skipped_events, found.delivered) == (2, places[0])
    await log.webhooks.delete("crm")
    await log.webhooks.create(new_webhook())
    assert await skipped_ids(log) == []


async def test_the_latest_skipped_events_are_kept(
    log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the earliest is forgotten; another webhook's are not touched."""
    monkeypatch.setattr(webhook_statements, "MAX_SKIPPED_EVENTS", 2)
    places = await positions(log, 4)
    await log.webhooks.create(new_webhook())
    await skip(log, places[0], "event0")
    await log.webhooks.pause("crm")
    await log.webhooks.create(new_webhook("erp"))
    for index, place in enumerate(places):
        await skip(log, place, f"event{index}")
    assert await skipped_ids(log, "erp") == ["event3", "event2"]
    assert await skipped_ids(log) == ["event0"]


async def test_clock_that_is_set_back_leaves_no_webhook_to_a_dead_process(log: OpenLog) -> None:
    """A lease that ends later than any may is nobody's."""
    await log.webhooks.create(new_webhook())
    # As it would be if the clock were a day ahead.
    await log.webhooks.lease("dead", length=dt.timedelta(days=1))

    (mine,) = await log.webhooks.lease("me", length=MINUTE)

    await log.webhooks.delivered(mine, "me", up_to=BEGINNING)
    assert await log.webhooks.lease("other", length=MINUTE) == []


async def test_a_skipped_event_goes_with_its_open(log: OpenLog) -> None:
    """Erasing and retention unlist it, and one that is erased already is not listed."""
    places = await positions(log, 3)
    await log.webhooks.create(new_webhook())
    await skip(log, places[0], "event0")
    async for _ in log.erase(lambda _: True):
        pass
    await skip(log, places[1], "event1")
    assert await skipped_ids(log) == []
    places = await positions(log, 1)
    await skip(log, places[-1], "event3")
    assert await skipped_ids(log) == ["event3"]
    await trim(log, older_than=NOTHING)
    assert await skipped_ids(log) == []
