"""What statistics promise: `StatisticsStore`, on every backend."""

import contextlib
import dataclasses
import datetime as dt
from typing import cast

import pytest
import sqlalchemy as sa

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.open_log import Counts, Dimension, Interval, OpenLog
from pixel_service.open_log.sql.statistics.store import Database
from pixel_service.open_log.sql.tables import statistics_messages
from pixel_service.open_log.sql.trimming import Trimmable
from tests.pixel.open_log.log_values import NOON, LogHome, erase, new_opens, trim
from tests.pixel.open_log.statistics_values import (
    HOUR,
    MIDNIGHT,
    NOON_HOUR,
    ask,
    by_value,
    count_all,
    counted_open,
    total,
    tracked,
)

ONE_READ = Counts(opens=1, first_opens=1, person_opens=1, opened_at_least=1, opened_at_most=1)


async def trim_statistics(log: OpenLog, *, now: dt.datetime, days: int) -> int:
    """Remove counts that are too old; return how many."""
    steps = log.statistics.trim(now=now, older_than=dt.timedelta(days=days))
    return sum([removed async for removed in steps])


async def test_opens_are_counted_once(log: OpenLog) -> None:
    """However often it is asked for, and nothing is left to be counted then."""
    await log.append([counted_open(key=b"a" * 16)])

    assert await log.statistics.count_step() == 1
    assert await log.statistics.count_step() == 0
    found = await ask(log)
    assert [row.counts for row in found.totals] == [ONE_READ]
    assert found.uncounted == 0
    assert found.counted_until is not None


async def test_what_is_not_counted_yet_is_said(log: OpenLog) -> None:
    """An answer tells how many opens wait."""
    await log.append([counted_open() for _ in range(3)])
    assert (await ask(log)).uncounted == 3

    await log.statistics.count_step(max_entries=2)
    assert (await ask(log)).uncounted == 1


async def test_messages_opened_are_a_range(log: OpenLog) -> None:
    """A person makes both bounds, a prefetch the upper one, a scanner none."""
    for key, agent in (
        (b"a" * 16, pb.AGENT_PERSON),
        (b"b" * 16, pb.AGENT_PRIVACY_PREFETCH),
        (b"c" * 16, pb.AGENT_SCANNER),
    ):
        await log.append([counted_open(key=key, agent=agent), counted_open(key=key, agent=agent)])
    await count_all(log)

    assert await total(log) == Counts(
        opens=6,
        first_opens=3,
        person_opens=2,
        machine_opens=4,
        opened_at_least=1,
        opened_at_most=2,
    )


async def test_late_opens_count_when_they_were(log: OpenLog) -> None:
    """The hour is that of the fetch, and the day that of the hour."""
    await log.append([counted_open(time=NOON), counted_open(time=NOON - 26 * HOUR)])
    await count_all(log)

    hours = await ask(log, interval=Interval.HOUR)
    assert [row.start for row in hours.totals] == [NOON - 26 * HOUR, NOON]
    days = await ask(log, interval=Interval.DAY)
    assert [row.start for row in days.totals] == [MIDNIGHT - dt.timedelta(days=1), MIDNIGHT]


async def test_months_are_those_of_the_calendar(log: OpenLog) -> None:
    """Days are added up to months, whose beginning may be before the span."""
    times = [NOON - dt.timedelta(days=days) for days in (0, 1, 2)]
    await log.append([counted_open(time=time) for time in times])
    await count_all(log)

    found = await ask(log, interval=Interval.MONTH)
    assert [(row.start.month, row.start.day, row.counts.opens) for row in found.totals] == [
        (2, 1, 2),
        (3, 1, 1),
    ]


async def test_counts_are_broken_down(log: OpenLog) -> None:
    """By what the open's judgement and its notification say; a fetch counts in each."""
    await log.append([counted_open(), counted_open(recipient="x@no-provider.example")])
    await count_all(log)

    assert (await by_value(log, Dimension.AGENT))["AGENT_PERSON"].opens == 2
    assert (await by_value(log, Dimension.CONFIDENCE))["CONFIDENCE_HIGH"].opens == 2
    assert (await by_value(log, Dimension.PRIVACY_LEVEL))["PRIVACY_LEVEL_FULL"].opens == 2
    assert (await by_value(log, Dimension.CONFIGURATION))["news"].opens == 2
    assert {
        value: counts.opens
        for value, counts in (await by_value(log, Dimension.MAILBOX_PROVIDER)).items()
    } == {"Gmail": 1, "other": 1}


async def test_an_open_counts_under_each_of_its_tags(log: OpenLog) -> None:
    """Once under each, and tags can be asked for by their key, and one alone."""
    tags = {"season": ["spring"], "kind": ["bill", "bill"]}
    await log.append([counted_open(tags=tags), counted_open(tags={"season": ["autumn"]})])
    await count_all(log)

    counts = await by_value(log, Dimension.TAG)
    assert {value: each.opens for value, each in counts.items()} == {
        "season=spring": 1,
        "season=autumn": 1,
        "kind=bill": 1,
    }
    assert set(await by_value(log, Dimension.TAG, tag_key="kind")) == {"kind=bill"}
    one = await ask(log, tag="kind=bill", dimension=Dimension.CONFIGURATION)
    assert [row.counts.opens for row in one.totals] == [1]
    assert [(row.value, row.counts.opens) for row in one.rows] == [("news", 1)]


async def test_no_tag_ends_the_counting(log: OpenLog) -> None:
    """Whatever is in it: one open that cannot be counted would be the last that is."""
    values = [
        "a\0b",
        "\N{RIGHT-TO-LEFT OVERRIDE}b",
        "\N{GRINNING FACE}" * 128,
        "'\r\n\x1b[2J",
        "A",
        "a",
    ]
    await log.append([counted_open(tags={"\0": [each]}) for each in values])
    await count_all(log)

    expected = {
        f"\N{REPLACEMENT CHARACTER}={each}" for each in ["a\N{REPLACEMENT CHARACTER}b", *values[1:]]
    }
    assert set(await by_value(log, Dimension.TAG)) == expected


async def test_values_that_are_not_told_apart_are_added_up(log: OpenLog) -> None:
    """The rest is told from what is not known, whose value is empty, too."""
    providers = ["a@gmail.com", "b@proton.me", "c@x.example", "d@proton.me", ""]
    await log.append([counted_open(recipient=each) for each in providers])
    await count_all(log)

    found = await ask(log, dimension=Dimension.MAILBOX_PROVIDER, told_apart=["Gmail", ""])
    assert [(row.value, row.is_rest, row.counts.opens) for row in found.rows] == [
        ("", True, 3),
        ("", False, 1),
        ("Gmail", False, 1),
    ]
    days = await ask(
        log, dimension=Dimension.MAILBOX_PROVIDER, told_apart=[], interval=Interval.DAY
    )
    assert [(row.start, row.is_rest, row.counts.opens) for row in days.rows] == [
        (MIDNIGHT, True, 5)
    ]


async def test_tags_that_are_not_told_apart_are_added_up(log: OpenLog) -> None:
    """A message counts in the rest with each of its other tags, as it does with those told."""
    for tags in (["a", "b"], ["b", "c"], ["c", "d"], []):
        await log.append([counted_open(tags={"x": tags})])
    await count_all(log)

    for interval in (None, Interval.DAY):
        found = await ask(log, dimension=Dimension.TAG, told_apart=["x=b"], interval=interval)
        assert [(row.value, row.is_rest, row.counts.opens) for row in found.rows] == [
            ("", True, 4),
            ("x=b", False, 2),
        ]


async def test_a_thousand_tags_of_a_day_are_told_apart(log: OpenLog) -> None:
    """What is beyond counts under no value, and is taken back from there."""
    many = counted_open(tags={"n": [f"{number}" for number in range(1_000)]})
    await log.append([many])
    await count_all(log)
    await log.append([counted_open(key=b"a" * 16, tags={"n": ["1000", "1001", "7"]})])
    await count_all(log)

    counts = await by_value(log, Dimension.TAG)
    assert len(counts) == 1_001
    assert (counts[""].opens, counts["n=7"].opens) == (1, 2)

    await erase(log, lambda _: False, message_keys=[b"a" * 16])
    counts = await by_value(log, Dimension.TAG)
    assert len(counts) == 1_000
    assert counts["n=7"].opens == 1


async def test_what_is_only_counted_and_collapsed_counts(log: OpenLog) -> None:
    """Opens that notify nobody count, and so do fetches beyond a message's budget, until erased."""
    many = counted_open(key=b"a" * 16)
    many.collapsed = 4
    await log.append([many, counted_open(key=b"b" * 16, notified=False)])
    await count_all(log)

    counts = await total(log)
    assert (counts.opens, counts.collapsed_opens, counts.opened_at_least) == (2, 4, 2)
    providers = await by_value(log, Dimension.MAILBOX_PROVIDER)
    assert {value: each.opens for value, each in providers.items()} == {"": 1, "Gmail": 1}

    await erase(log, lambda _: False, message_keys=[b"a" * 16, b"b" * 16])
    assert await total(log) == Counts()


async def test_retention_takes_no_counts_back(log: OpenLog) -> None:
    """A message that is opened again after its last open is gone counts as it is numbered: anew."""
    await log.append([counted_open(key=b"a" * 16)])
    await count_all(log)
    await trim(log, older_than=dt.timedelta(0))
    assert await total(log) == ONE_READ

    await log.append([counted_open(key=b"a" * 16)])
    await count_all(log)
    assert (await total(log)).opened_at_least == 2


@pytest.mark.parametrize("is_opened_again", [False, True])
async def test_a_message_that_still_has_opens_is_not_forgotten(
    log_home: LogHome, *, is_opened_again: bool
) -> None:
    """Retention removes its first opens, and the next one does not count it again."""
    async with contextlib.AsyncExitStack() as stack:
        log = await stack.enter_async_context(log_home.connect())
        await log.append([counted_open(key=b"a" * 16), *new_opens(499)])
        await log.append([counted_open(key=b"a" * 16)])
        await count_all(log)
        async for trimmed in log.trim(older_than=dt.timedelta(0)):
            assert trimmed.entries == 500
            break

        second = await log.head()
        await log.append([counted_open(key=b"a" * 16)])
        await count_all(log)
        assert (await total(log)).opened_at_least == 1
        if is_opened_again:
            await stack.aclose()
            log = await stack.enter_async_context(log_home.connect())
        # On SQLite the table of numbers does not know of the third one.
        assert await cast("Trimmable", log).trim_step(up_to=second, max_entries=500) == 1
        await log.append([counted_open(key=b"a" * 16)])
        await count_all(log)
        assert (await total(log)).opened_at_least == 1


async def test_erasing_all_of_a_message_leaves_nothing_to_do(log: OpenLog) -> None:
    """The counts are right at once; only where opens are left is the log walked through."""
    await log.append([counted_open(key=b"a" * 16), counted_open(), counted_open(key=b"a" * 16)])
    await count_all(log)

    await erase(log, lambda _: False, message_keys=[b"a" * 16])
    assert await log.statistics.count_step() == 0
    counts = await total(log)
    assert (counts.opens, counts.first_opens, counts.opened_at_most) == (1, 0, 0)


async def test_another_open_counts_for_one_that_was_erased(log: OpenLog) -> None:
    """A message whose first open is gone counts with what is left of it."""
    tags = {"season": ["autumn"]}
    await log.append([counted_open(key=b"a" * 16), counted_open(key=b"a" * 16, tags=tags)])
    await count_all(log)

    await erase(log, lambda notification: b"autumn" not in notification)
    await count_all(log)
    counts = await by_value(log, Dimension.TAG)
    assert counts["season=autumn"].opened_at_least == 1
    assert (await total(log)).opened_at_least == 1


async def test_hours_are_kept_for_less_time_than_days(log: OpenLog) -> None:
    """After 35 days the days remain, to which late opens still count."""
    long_ago = NOON - dt.timedelta(days=40)
    await log.append([counted_open(time=long_ago), counted_open()])
    await count_all(log)
    assert await trim_statistics(log, now=NOON, days=800) == 6
    assert await trim_statistics(log, now=NOON, days=800) == 0

    await log.append([counted_open(time=long_ago)])
    await count_all(log)
    hours = await ask(log, days=100, interval=Interval.HOUR)
    assert [row.counts.opens for row in hours.totals] == [1]
    days = await ask(log, days=100, interval=Interval.DAY)
    assert [row.counts.opens for row in days.totals] == [2, 1]


async def test_days_are_kept_for_as_long_as_is_said(log: OpenLog) -> None:
    """What was removed stays so, also when an open of that time is erased."""
    await log.append([counted_open(key=b"a" * 16)])
    await count_all(log)
    await trim_statistics(log, now=NOON + dt.timedelta(days=30), days=20)
    assert (await ask(log)).totals == []

    await erase(log, lambda _: False, message_keys=[b"a" * 16])
    await log.append([counted_open(time=NOON + dt.timedelta(days=25)), counted_open()])
    await count_all(log)
    found = await ask(log, days=100, interval=Interval.DAY)
    assert [row.counts.opens for row in found.totals] == [1]


async def test_counts_are_kept_again_after_a_clock_that_was_ahead(log: OpenLog) -> None:
    """What it took for too old is gone, and nothing that comes."""
    await log.statistics.set_tracked(first := tracked(5))
    await log.append([counted_open(), counted_open()])
    await count_all(log)
    await trim_statistics(log, now=NOON + dt.timedelta(days=9_000), days=800)
    assert await total(log) == Counts()

    await trim_statistics(log, now=NOON, days=800)
    await log.statistics.set_tracked(
        tracked(7, after_revision=first.revision, first_hour=NOON_HOUR + 1)
    )
    await log.append([counted_open()])
    await count_all(log)
    counts = await total(log)
    assert (counts.opens, counts.messages_tracked) == (1, 7)


async def test_what_was_tracked_is_kept_as_long_as_what_was_opened(log: OpenLog) -> None:
    """Days remain, once, and a source that said nothing since is forgotten."""
    first = tracked(5, 7)
    await log.statistics.set_tracked(first)
    await trim_statistics(log, now=NOON + dt.timedelta(days=40), days=800)
    assert (await ask(log, interval=Interval.HOUR)).totals == []
    found = await ask(log)
    assert (found.totals[0].counts.messages_tracked, found.tracked_until) == (12, None)

    again = tracked(5, 8, after_revision=first.revision)
    assert await log.statistics.set_tracked(again)
    assert (await total(log)).messages_tracked == 12
    await trim_statistics(log, now=NOON + dt.timedelta(days=40), days=30)
    assert (await ask(log)).totals == []


async def test_nothing_of_a_message_is_kept_without_its_opens(log: OpenLog) -> None:
    """Its row goes with the last of them, whether retention removes it or it is erased."""
    await log.append([counted_open(key=key) for key in (b"a" * 16, b"b" * 16, b"b" * 16)])
    await count_all(log)
    assert await messages_kept(log) == 2

    await erase(log, lambda _: False, message_keys=[b"a" * 16])
    assert await messages_kept(log) == 1
    await trim(log, older_than=dt.timedelta(0))
    assert await messages_kept(log) == 0


async def messages_kept(log: OpenLog) -> int:
    """Return of how many messages something is kept."""
    rows = sa.select(sa.func.count()).select_from(statistics_messages)
    return await cast("Database", log).query(
        lambda connection: connection.execute(rows).scalar_one()
    )


async def test_messages_tracked_are_beside_opens(log: OpenLog) -> None:
    """In all and by hour, also where nothing was opened; until then nothing is known of them."""
    assert (await ask(log)).tracked_until is None
    await log.append([counted_open()])
    await count_all(log)
    assert await log.statistics.set_tracked(tracked(5, 7))

    counts = await total(log)
    assert (counts.opens, counts.messages_tracked) == (1, 12)
    hours = await ask(log, interval=Interval.HOUR)
    assert [(row.counts.opens, row.counts.messages_tracked) for row in hours.totals] == [
        (1, 5),
        (0, 7),
    ]
    assert hours.tracked_until == NOON


async def test_counts_of_a_source_are_replaced(log: OpenLog) -> None:
    """Each is as the source said last, in its hour and in its day."""
    first = tracked(5, 7)
    await log.statistics.set_tracked(first)
    assert await log.statistics.tracked_revision("one") == first.revision

    second = tracked(9, after_revision=first.revision, first_hour=NOON_HOUR + 1)
    assert await log.statistics.set_tracked(second)
    hours = await ask(log, interval=Interval.HOUR)
    assert [row.counts.messages_tracked for row in hours.totals] == [5, 9]
    assert (await total(log)).messages_tracked == 14


async def test_a_page_that_does_not_follow_changes_nothing(log: OpenLog) -> None:
    """Of two processes that ask one source, the slower one replaces nothing by older counts."""
    first = tracked(5)
    assert await log.statistics.set_tracked(first)

    assert not await log.statistics.set_tracked(tracked(3))
    assert (await total(log)).messages_tracked == 5
    assert await log.statistics.tracked_revision("one") == first.revision


async def test_sources_add_up(log: OpenLog) -> None:
    """What two databases tracked is added, and known until the earlier of their times."""
    await log.statistics.set_tracked(tracked(5))
    later = dataclasses.replace(tracked(6, source_id="two"), counted_until=NOON + HOUR)
    await log.statistics.set_tracked(later)

    assert (await total(log)).messages_tracked == 11
    assert (await ask(log)).tracked_until == NOON
