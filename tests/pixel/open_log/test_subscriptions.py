"""What subscriptions promise: `SubscriptionStore`, on every backend."""

import asyncio
import contextlib
import datetime as dt
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from pixel_service.errors import (
    CursorAhead,
    CursorExpired,
    SessionStale,
    SubscriptionExists,
    SubscriptionNotFound,
    SubscriptionPaused,
    SubscriptionTakenOver,
)
from pixel_service.open_log import BEGINNING, OpenFilter, OpenLog, Position
from pixel_service.open_log.sql.stream_statements import renew
from pixel_service.open_log.sql.subscriptions import Database
from pixel_service.open_log.sql.tables import stream_owners
from tests.pixel.open_log.log_values import LogHome, new_opens, read_all, trim
from tests.pixel.service_values import a_log


async def positions(log: OpenLog, count: int) -> list[Position]:
    """Append *count* opens; return the positions of all that are there."""
    await log.append(new_opens(count))
    return [entry.position for entry in await read_all(log)]


async def test_a_subscription_is_kept_as_created(log_home: LogHome) -> None:
    """All that was asked for comes back, also after reopening."""
    async with log_home.connect() as log:
        places = await positions(log, 5)
        created = await log.subscriptions.create_subscription(
            "crm",
            start=places[1],
            configuration_ids=["news", "offers"],
            open_filter=OpenFilter(
                exclude_agents=frozenset({3, 4}), min_confidence=2, first_open_only=True
            ),
        )
    async with log_home.connect() as log:
        found = await log.subscriptions.get_subscription("crm")

    assert found == created
    assert found.configuration_ids == ("news", "offers")
    assert found.filter.exclude_agents == {3, 4}
    assert (found.acknowledged, found.lag, found.fell_behind) == (places[1], 3, False)
    assert found.create_time.tzinfo is dt.UTC


async def test_an_id_is_given_once(log: OpenLog) -> None:
    """A second subscription of the same ID is refused, and the first unharmed."""
    first = await log.subscriptions.create_subscription("crm", start=BEGINNING)

    with pytest.raises(SubscriptionExists):
        await log.subscriptions.create_subscription(
            "crm", start=BEGINNING, configuration_ids=["other"]
        )
    assert await log.subscriptions.get_subscription("crm") == first


async def test_what_is_not_there_is_not_found(log: OpenLog) -> None:
    """Every call that names an unknown subscription says so."""
    store = log.subscriptions
    for call in (
        store.get_subscription("crm"),
        store.seek_subscription("crm", to=BEGINNING),
        store.pause_subscription("crm"),
        store.resume_subscription("crm"),
        store.delete_subscription("crm"),
        store.begin_session("crm", consumer_name=""),
        store.acknowledge("crm", up_to=BEGINNING, session_token="t"),  # noqa: S106 - no secret
    ):
        with pytest.raises(SubscriptionNotFound):
            await call


async def test_subscriptions_are_listed_by_id_in_pages(log: OpenLog) -> None:
    """Pages follow each other in the order of the IDs, and none is left out."""
    for name in ("b-1", "d", "a", "b0", "e"):
        await log.subscriptions.create_subscription(name, start=BEGINNING)

    first = await log.subscriptions.list_subscriptions(after_id="", limit=3)
    second = await log.subscriptions.list_subscriptions(after_id=first[-1].id, limit=3)
    assert [each.id for each in (*first, *second)] == ["a", "b-1", "b0", "d", "e"]


async def test_a_subscription_cannot_start_where_the_log_is_not(log: OpenLog) -> None:
    """Starting or seeking beyond the end, or before the retained part, is refused."""
    places = await positions(log, 4)
    await log.subscriptions.create_subscription("crm", start=places[0])
    await trim(log, older_than=dt.timedelta(0))
    beyond = Position(places[-1].transaction, places[-1].sequence + 1)

    for place, error in ((places[1], CursorExpired), (beyond, CursorAhead)):
        with pytest.raises(error):
            await log.subscriptions.create_subscription("other", start=place)
        with pytest.raises(error):
            await log.subscriptions.seek_subscription("crm", to=place)


async def test_acknowledging_is_cumulative_and_monotonic(log: OpenLog) -> None:
    """The newest acknowledged position stays, whatever older ones arrive later."""
    places = await positions(log, 6)
    store = log.subscriptions
    await store.create_subscription("crm", start=BEGINNING)
    token = (await store.begin_session("crm", consumer_name="")).token

    assert await store.acknowledge("crm", up_to=places[3], session_token=token) == places[3]
    assert await store.acknowledge("crm", up_to=places[1], session_token=token) == places[3]
    assert await store.acknowledge("crm", up_to=places[3], session_token=token) == places[3]
    found = await store.get_subscription("crm")
    assert (found.acknowledged, found.lag) == (places[3], 2)


async def test_acknowledgements_survive_reopening(log_home: LogHome) -> None:
    """What was acknowledged stays acknowledged, and the session stays valid."""
    async with log_home.connect() as log:
        places = await positions(log, 3)
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
        token = (await log.subscriptions.begin_session("crm", consumer_name="me")).token
        await log.subscriptions.acknowledge("crm", up_to=places[1], session_token=token)
    async with log_home.connect() as log:
        found = await log.subscriptions.get_subscription("crm")
        assert (found.acknowledged, found.consumer_name) == (places[1], "me")
        await log.subscriptions.acknowledge("crm", up_to=places[2], session_token=token)


async def test_nothing_beyond_the_end_can_be_acknowledged(log: OpenLog) -> None:
    """A client cannot acknowledge what it was never sent."""
    places = await positions(log, 1)
    await log.subscriptions.create_subscription("crm", start=BEGINNING)
    token = (await log.subscriptions.begin_session("crm", consumer_name="")).token

    with pytest.raises(CursorAhead):
        await log.subscriptions.acknowledge(
            "crm",
            up_to=Position(places[0].transaction, places[0].sequence + 1),
            session_token=token,
        )


async def test_a_newer_session_fences_the_older(log_home: LogHome) -> None:
    """After another process took over, the old stream can acknowledge nothing."""
    async with log_home.connect_twice() as (log, other):
        places = await positions(log, 2)
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
        old = await log.subscriptions.begin_session("crm", consumer_name="old")
        new = await other.subscriptions.begin_session("crm", consumer_name="new")

        for stale in (old.token, "", "guess"):
            with pytest.raises(SessionStale):
                await log.subscriptions.acknowledge("crm", up_to=places[0], session_token=stale)
        # A client may acknowledge through any process.
        await log.subscriptions.acknowledge("crm", up_to=places[0], session_token=new.token)
        assert (await other.subscriptions.get_subscription("crm")).consumer_name == "new"


async def test_acknowledgements_of_many_streams_go_together(log: OpenLog) -> None:
    """Concurrent acknowledgements all take effect, each with its own outcome."""
    places = await positions(log, 10)
    store = log.subscriptions
    tokens = {}
    for number in range(20):
        await store.create_subscription(f"s{number}", start=BEGINNING)
        tokens[f"s{number}"] = (await store.begin_session(f"s{number}", consumer_name="")).token
    tokens["s3"] = "stale"

    outcomes = await asyncio.gather(
        *(
            store.acknowledge(name, up_to=place, session_token=token)
            for place in places
            for name, token in tokens.items()
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, SessionStale) for outcome in outcomes) == 10
    for name in tokens:
        expected = BEGINNING if name == "s3" else places[-1]
        assert (await store.get_subscription(name)).acknowledged == expected


async def test_a_stream_hears_of_acknowledgements(log_home: LogHome) -> None:
    """A waiting stream goes on when its client acknowledges, through whatever process."""
    async with log_home.connect_twice() as (log, other):
        places = await positions(log, 3)
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
        session = await log.subscriptions.begin_session("crm", consumer_name="")
        acknowledged = BEGINNING
        for place, through in ((places[0], log), (places[1], other)):
            waiting = asyncio.create_task(
                log.subscriptions.wait_for_acknowledgement(session, beyond=acknowledged)
            )
            await asyncio.sleep(0)
            assert not waiting.done()
            await through.subscriptions.acknowledge("crm", up_to=place, session_token=session.token)
            acknowledged = await waiting
            assert acknowledged == place


@pytest.mark.parametrize("end", ["session", "seek", "delete"])
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_stream_hears_that_it_must_end(
    log_home: LogHome, end: str, *, elsewhere: bool
) -> None:
    """A waiting stream is told when its subscription is taken over, moved or deleted."""
    async with log_home.connect_twice() as (log, other):
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
        session = await log.subscriptions.begin_session("crm", consumer_name="")
        waiting = asyncio.create_task(
            log.subscriptions.wait_for_acknowledgement(session, beyond=await log.head())
        )
        await asyncio.sleep(0)
        store = (other if elsewhere else log).subscriptions
        if end == "session":
            await store.begin_session("crm", consumer_name="newer")
        elif end == "seek":
            await store.seek_subscription("crm", to=BEGINNING)
        else:
            await store.delete_subscription("crm")

        with pytest.raises(SubscriptionNotFound if end == "delete" else SubscriptionTakenOver):
            await waiting


async def test_seeking_moves_both_ways_and_ends_the_session(log: OpenLog) -> None:
    """After a seek the subscription stands there, and the old stream has no say."""
    places = await positions(log, 5)
    store = log.subscriptions
    await store.create_subscription("crm", start=places[2])
    session = await store.begin_session("crm", consumer_name="")

    assert (await store.seek_subscription("crm", to=places[4])).acknowledged == places[4]
    assert (await store.seek_subscription("crm", to=places[0])).acknowledged == places[0]
    with pytest.raises(SessionStale):
        await store.acknowledge("crm", up_to=places[3], session_token=session.token)


async def test_retention_reports_who_fell_behind(log: OpenLog) -> None:
    """Trimming tells which subscriptions lost opens, once, and they show it themselves."""
    places = await positions(log, 4)
    store = log.subscriptions
    await store.create_subscription("behind", start=places[1])
    await store.create_subscription("current", start=places[3])

    trimmed = await trim(log, older_than=dt.timedelta(0))
    assert trimmed.subscriptions_behind == ("behind",)
    assert (await store.get_subscription("behind")).fell_behind
    assert not (await store.get_subscription("current")).fell_behind
    await log.append(new_opens(2))
    again = await trim(log, older_than=dt.timedelta(0))
    assert again.subscriptions_behind == ("current",)


# Pausing, and how streams end


async def test_a_paused_subscription_has_no_session_until_it_is_resumed(
    log_home: LogHome,
) -> None:
    """Its place, and since when it is paused, are kept; a second pause changes nothing."""
    async with log_home.connect() as log:
        places = await positions(log, 3)
        await log.subscriptions.create_subscription("crm", start=places[0])
        paused = await log.subscriptions.pause_subscription("crm")
    async with log_home.connect() as log:
        store = log.subscriptions
        again = await store.pause_subscription("crm")
        with pytest.raises(SubscriptionPaused):
            await store.begin_session("crm", consumer_name="")
        moved = await store.seek_subscription("crm", to=places[1])
        resumed = await store.resume_subscription("crm")
        session = await store.begin_session("crm", consumer_name="")

    assert paused.pause_time is not None
    assert again == paused
    assert moved.pause_time == paused.pause_time
    assert resumed.pause_time is None
    assert session.subscription.acknowledged == places[1]
    assert session.subscription.last_stream_end is None


@pytest.mark.parametrize("is_resumed_at_once", [False, True])
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_stream_hears_of_a_pause_and_may_acknowledge_after_it(
    log_home: LogHome, *, elsewhere: bool, is_resumed_at_once: bool
) -> None:
    """In whatever process it was paused, and also if it is active again by the time it looks."""
    async with log_home.connect_twice() as (log, other):
        places = await positions(log, 2)
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
        session = await log.subscriptions.begin_session("crm", consumer_name="")
        waiting = asyncio.create_task(
            log.subscriptions.wait_for_acknowledgement(session, beyond=places[1])
        )
        await asyncio.sleep(0)
        store = (other if elsewhere else log).subscriptions
        paused = await store.pause_subscription("crm")
        if is_resumed_at_once:
            await store.resume_subscription("crm")
        with pytest.raises(SubscriptionPaused):
            await waiting
        await log.subscriptions.acknowledge("crm", up_to=places[0], session_token=session.token)
        found = await store.get_subscription("crm")

    assert not paused.is_streaming
    assert paused.last_stream_end is not None
    assert (paused.last_stream_end.code, paused.last_stream_end.reason) == (
        "FAILED_PRECONDITION",
        "SUBSCRIPTION_PAUSED",
    )
    assert found.acknowledged == places[0]


async def end_in(log: OpenLog) -> tuple[bool, str, str]:
    """Return whether `crm` is streamed, and how its last stream ended."""
    found = await log.subscriptions.get_subscription("crm")
    end = found.last_stream_end
    return (found.is_streaming, *(("", "") if end is None else (end.code, end.reason)))


async def test_every_process_knows_who_is_streamed_and_how_streams_ended(
    log_home: LogHome,
) -> None:
    """The end that is said first counts: of a stream, a newer one, a seek or a pause."""
    taken_over = ("ABORTED", "SUBSCRIPTION_TAKEN_OVER")
    async with log_home.connect_twice() as (log, other):
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
        assert await end_in(other) == (False, "", "")
        first = await log.subscriptions.begin_session("crm", consumer_name="first")
        assert await end_in(other) == (True, "", "")
        second = await other.subscriptions.begin_session("crm", consumer_name="second")
        log.subscriptions.end_session(first, code="ABORTED", reason="CONSUMER_STALLED")
        third = await log.subscriptions.begin_session("crm", consumer_name="third")
        assert await end_in(other) == (True, *taken_over)
        log.subscriptions.end_session(third, code="CANCELLED", reason="")
        # Whoever begins a session in a process has seen the ends of that process.
        await log.subscriptions.create_subscription("other", start=BEGINNING)
        await log.subscriptions.begin_session("other", consumer_name="")
        assert await end_in(other) == (False, "CANCELLED", "")
        other.subscriptions.end_session(second, code="OK", reason="")
        await other.subscriptions.begin_session("crm", consumer_name="fourth")
        await log.subscriptions.seek_subscription("crm", to=BEGINNING)
        assert await end_in(other) == (False, *taken_over)


async def test_a_client_that_leaves_while_its_stream_begins_is_not_streamed(log: OpenLog) -> None:
    """At whatever moment: nobody else would ever say that the stream is over."""
    store = log.subscriptions
    for name in ("crm", "other"):
        await store.create_subscription(name, start=BEGINNING)
    for moments in range(0, 60, 3):
        beginning = asyncio.create_task(store.begin_session("crm", consumer_name=""))
        for _ in range(moments):
            await asyncio.sleep(0)
        beginning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            store.end_session(await beginning, code="CANCELLED", reason="")
        # By then the ends before are written.
        await store.begin_session("other", consumer_name="")
        assert await end_in(log) in ((False, "", ""), (False, "CANCELLED", ""))


async def test_ends_that_were_not_written_yet_are_when_a_log_is_closed(log_home: LogHome) -> None:
    """Also those of many streams that end at once."""
    names = [f"s{number}" for number in range(30)]
    async with log_home.connect() as log:
        for name in names:
            await log.subscriptions.create_subscription(name, start=BEGINNING)
            session = await log.subscriptions.begin_session(name, consumer_name="")
            log.subscriptions.end_session(session, code="UNAVAILABLE", reason="DRAINING")
    async with log_home.connect() as log:
        found = await log.subscriptions.list_subscriptions(after_id="", limit=50)

    assert [each.is_streaming for each in found] == [False] * 30
    assert {each.last_stream_end and each.last_stream_end.reason for each in found} == {"DRAINING"}


async def test_a_stream_whose_process_says_nothing_more_is_lost(log: OpenLog) -> None:
    """Nobody has said how it ended: that is said, with when it was last known to be alive."""
    store = log.subscriptions
    await store.create_subscription("crm", start=BEGINNING)
    await store.begin_session("crm", consumer_name="")
    before = await store.get_subscription("crm")
    earlier = stream_owners.update().values(alive_us=stream_owners.c.alive_us - 31_000_000)
    await cast("Database", log).execute(lambda connection: connection.execute(earlier).rowcount)
    lost = await store.get_subscription("crm")
    assert await end_in(log) == (False, "UNAVAILABLE", "STREAM_LOST")
    session = await store.begin_session("crm", consumer_name="")

    assert before.is_streaming
    assert lost.last_stream_end is not None
    assert lost.last_stream_end.time < lost.create_time
    assert session.subscription.last_stream_end == lost.last_stream_end


async def test_streams_of_one_process_are_lost_when_the_next_one_begins(tmp_path: Path) -> None:
    """On SQLite nobody waits for half a minute: there is one process at a time."""
    async with a_log(tmp_path) as log:
        await log.subscriptions.create_subscription("crm", start=BEGINNING)
        await log.subscriptions.begin_session("crm", consumer_name="")
        assert await end_in(log) == (True, "", "")
    async with a_log(tmp_path) as log:
        assert await end_in(log) == (False, "UNAVAILABLE", "STREAM_LOST")


async def test_a_process_is_forgotten_when_nobody_asks_for_it_any_more(log: OpenLog) -> None:
    """Who served no stream that is still to be explained leaves nothing behind."""
    database = cast("Database", log)
    await log.subscriptions.create_subscription("crm", start=BEGINNING)
    await log.subscriptions.begin_session("crm", consumer_name="")

    def age(connection: sa.Connection) -> None:
        long_ago = stream_owners.c.alive_us - 3_601_000_000
        connection.execute(stream_owners.update().values(alive_us=long_ago))
        connection.execute(stream_owners.insert().values(owner="gone", alive_us=1))
        renew(connection, owner="new")

    def owners(connection: sa.Connection) -> set[str]:
        return set(connection.scalars(sa.select(stream_owners.c.owner)))

    await database.execute(age)
    kept = await database.query(owners)
    assert "gone" not in kept
    assert len(kept) == 2
