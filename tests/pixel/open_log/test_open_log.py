"""What every open log promises: `OpenLog`, sentence by sentence."""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, cast

import pytest
import sqlalchemy as sa

from pixel_service.errors import CursorAhead, CursorExpired
from pixel_service.open_log import (
    LogEntry,
    OpenLog,
    OpenRecord,
    Position,
    Revision,
    decode_cursor,
    encode_cursor,
)
from pixel_service.open_log.sql import tables
from pixel_service.open_log.sql.counting import count_in_steps
from pixel_service.open_log.sql.revising import RevisedOpen, revise_in_steps
from tests.pixel.open_log.log_values import (
    NOON,
    LogHome,
    daily_counts,
    erase,
    event_id_in,
    event_id_of,
    event_ids,
    new_open,
    new_opens,
    numbers_of,
    read_all,
    revise,
    revision_of,
    trim,
)

KEY = b"k" * 16
OTHER_KEY = b"o" * 16


async def follow(log: OpenLog, *, after: Position, count: int) -> list[LogEntry]:
    """Return the next *count* entries after *after*, waiting for them."""
    entries: list[LogEntry] = []
    while len(entries) < count:
        page = await log.read(after=after, max_entries=7, max_octets=1_000_000)
        entries += page.entries
        after = page.after
        if page.at_head and len(entries) < count:
            await log.wait_for_news(after=after)
    return entries


async def test_opens_are_read_in_the_order_of_appending(log: OpenLog) -> None:
    """What is appended comes back, whole and in order, and positions rise."""
    opens = new_opens(25)
    for start in range(0, 25, 4):
        await log.append(opens[start : start + 4])

    entries = await read_all(log, max_entries=3)
    assert event_ids(entries) == event_ids(opens)
    positions = [entry.position for entry in entries]
    assert positions == sorted(set(positions))
    assert {(entry.configuration_id, entry.agent, entry.confidence) for entry in entries} == {
        ("news", 1, 2)
    }


async def test_opens_are_read_backwards_too(log: OpenLog) -> None:
    """Step by step from anywhere to the beginning: each once, and those that are only counted."""
    opens = new_opens(20)
    await log.append([*opens[:9], new_open("counted:0", notified=False), *opens[9:]])
    await log.append(new_opens(1))
    *_, up_to, _ = [entry.position for entry in await read_all(log)]

    entries: list[LogEntry] = []
    examined, steps = 0, 0
    at_beginning = False
    while not at_beginning:
        step = await log.read_earlier(up_to=up_to, max_entries=4)
        entries += step.entries
        examined, steps = examined + step.examined, steps + 1
        up_to, at_beginning = step.before, step.at_beginning

    assert event_ids(entries) == event_ids(opens)[::-1]
    assert (examined, steps) == (21, 6)


async def test_nothing_is_read_backwards_from_beyond_the_end(log: OpenLog) -> None:
    """Whoever has been further than this log is told so."""
    await log.append(new_opens(3))
    head = await log.head()
    beyond = Position(head.transaction + 1_000_000, head.sequence + 1)

    with pytest.raises(CursorAhead):
        await log.read_earlier(up_to=beyond, max_entries=4)


async def test_what_was_trimmed_is_no_hole_backwards(log: OpenLog) -> None:
    """The beginning is where retention has come to."""
    await log.append(new_opens(3))
    await trim(log, max_octets=0)

    step = await log.read_earlier(up_to=await log.head(), max_entries=4)
    assert (step.entries, step.examined, step.at_beginning) == ([], 0, True)


async def test_the_order_is_the_same_for_every_reader(log: OpenLog) -> None:
    """Concurrent appends have one order, whoever reads, and however."""
    await asyncio.gather(*(log.append(new_opens(5)) for _ in range(20)))

    first = await read_all(log, max_entries=7)
    assert len(first) == 100
    assert await read_all(log, max_entries=100) == first


async def test_one_call_is_appended_in_its_order(log: OpenLog) -> None:
    """The opens of one call stand in the order of the call."""
    batches = [new_opens(10) for _ in range(10)]
    await asyncio.gather(*(log.append(batch) for batch in batches))

    there = event_ids(await read_all(log))
    for batch in batches:
        indices = [there.index(event_id) for event_id in event_ids(batch)]
        assert indices == sorted(indices)


async def test_replay_then_follow_leaves_no_gap_while_appends_go_on(log: OpenLog) -> None:
    """A reader that starts in the middle of appends sees each open once, in order."""
    batches = [new_opens(5) for _ in range(40)]

    async def append_all() -> None:
        for batch in batches:
            await log.append(batch)

    appending = asyncio.create_task(append_all())
    entries = await follow(log, after=Position(0, 0), count=200)
    await appending

    assert event_ids(entries) == [event_id for batch in batches for event_id in event_ids(batch)]


async def test_a_reader_can_resume_at_every_position(log: OpenLog) -> None:
    """From each entry's position the rest follows, and nothing else."""
    await log.append(new_opens(12))
    entries = await read_all(log)

    for index, entry in enumerate(entries):
        assert await read_all(log, after=entry.position) == entries[index + 1 :]


async def test_a_reader_can_resume_at_the_end(log: OpenLog) -> None:
    """At the head there is nothing, until there is."""
    await log.append(new_opens(3))
    head = await log.head()
    page = await log.read(after=head, max_entries=10, max_octets=1_000)
    assert (page.entries, page.after, page.at_head) == ([], head, True)

    later = new_open()
    await log.append([later])

    assert event_ids(await read_all(log, after=head)) == [later.event_id]


async def test_an_empty_log_has_ends_that_can_be_read_from(log: OpenLog) -> None:
    """Before the first open, earliest and head are where reading starts."""
    earliest, head = await log.earliest(), await log.head()

    assert earliest == head
    assert await read_all(log, after=earliest) == []
    assert await log.lag(earliest) == 0


async def test_pages_keep_to_both_limits(log: OpenLog) -> None:
    """A page has no more entries than asked for, and no more octets but for the first."""
    await log.append([new_open(notification=b"x" * 100) for _ in range(10)])

    start = Position(0, 0)
    by_count = await log.read(after=start, max_entries=4, max_octets=1_000_000)
    by_size = await log.read(after=start, max_entries=10, max_octets=350)
    one = await log.read(after=start, max_entries=10, max_octets=1)
    assert (len(by_count.entries), by_count.at_head) == (4, False)
    assert (len(by_size.entries), by_size.at_head) == (3, False)
    assert (len(one.entries), one.at_head) == (1, False)
    assert by_size.after == by_size.entries[-1].position


async def test_notifications_alone_are_those_of_the_entries(log: OpenLog) -> None:
    """Whatever the limits: the same octets, places and ends, and the same opens passed over."""
    await log.append([new_open(notified=index % 4 != 3) for index in range(20)])
    for max_entries, max_octets in ((1, 1), (5, 10_000), (20, 90), (30, 10_000)):
        after = await log.earliest()
        at_head = False
        while not at_head:
            page = await log.read(after=after, max_entries=max_entries, max_octets=max_octets)
            alone = await log.read_notifications(
                after=after, max_entries=max_entries, max_octets=max_octets
            )
            assert alone == page.notifications
            after, at_head = page.after, page.at_head

    with pytest.raises(CursorAhead):
        await log.read_notifications(
            after=Position(after.transaction, after.sequence + 1), max_entries=1, max_octets=1
        )


async def test_opens_survive_reopening_in_their_places(log_home: LogHome) -> None:
    """After reopening, the log is the same: identity, entries, positions, cursors."""
    async with log_home.connect() as log:
        await log.append(new_opens(5))
        before = await read_all(log)
        identity = log.identity
        text = encode_cursor(before[2].position, identity)

    async with log_home.connect() as log:
        assert log.identity == identity
        assert await read_all(log) == before
        assert await read_all(log, after=decode_cursor(text, log.identity)) == before[3:]


async def test_a_repeated_open_is_skipped(log: OpenLog) -> None:
    """An event ID that is there already is not there twice, nor numbered again."""
    first, second, third = (new_open(message_key=KEY) for _ in range(3))
    await log.append([first, second])
    await log.append([second, third, third])
    await log.append([first])

    entries = await read_all(log)
    assert event_ids(entries) == event_ids([first, second, third])
    assert [numbers_of(entry)[0] for entry in entries] == [1, 2, 3]


async def test_a_repeated_open_does_not_disturb_its_neighbours(log: OpenLog) -> None:
    """Appends that run beside a repeated one all arrive, once."""
    opens = new_opens(30)
    await log.append(opens[:10])
    await asyncio.gather(*(log.append(opens[start : start + 10]) for start in range(0, 25, 5)))

    assert sorted(event_ids(await read_all(log))) == sorted(event_ids(opens))


async def test_cancelling_an_append_disturbs_nothing(log: OpenLog) -> None:
    """A cancelled append may be repeated, and those beside it arrive."""
    opens = new_opens(3)
    cancelled = asyncio.create_task(log.append(opens[:1]))
    beside = asyncio.create_task(log.append(opens[1:]))
    await asyncio.sleep(0)
    cancelled.cancel()
    await beside
    await log.append(opens[:1])

    assert sorted(event_ids(await read_all(log))) == sorted(event_ids(opens))


async def test_a_cancelled_reader_leaves_the_log_usable(log: OpenLog) -> None:
    """However many readers and waiters are cancelled, the next one is served."""
    await log.append(new_opens(3))
    head = await log.head()
    for _ in range(20):
        tasks = [
            asyncio.create_task(log.read(after=Position(0, 0), max_entries=9, max_octets=999)),
            asyncio.create_task(log.wait_for_news(after=head)),
        ]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    assert len(await read_all(log)) == 3


async def test_opens_of_a_message_are_numbered(log: OpenLog) -> None:
    """Numbers count from 1 per message and configuration; the first is marked."""
    await log.append(
        [
            new_open(message_key=KEY),
            new_open(message_key=OTHER_KEY),
            new_open(message_key=KEY, configuration_id="other"),
            new_open(message_key=KEY),
        ]
    )
    await log.append([new_open(message_key=KEY)])

    entries = await read_all(log)
    assert [numbers_of(entry)[0] for entry in entries] == [1, 1, 1, 2, 3]
    assert [entry.first_open for entry in entries] == [True, True, True, False, False]


async def test_opens_of_unknown_messages_have_no_number(log: OpenLog) -> None:
    """Without a message key, number and burst are 0, and no open is the first."""
    await log.append([new_open(), new_open()])

    entries = await read_all(log)
    assert [numbers_of(entry) for entry in entries] == [(0, 0), (0, 0)]
    assert [entry.first_open for entry in entries] == [False, False]


async def test_numbers_go_on_after_reopening(log_home: LogHome) -> None:
    """Open numbers and bursts are counted on from where the log was left."""
    for _ in range(3):
        async with log_home.connect() as log:
            await log.append([new_open(message_key=KEY, source_key=b"a")])

    async with log_home.connect() as log:
        entries = await read_all(log)
    assert [numbers_of(entry) for entry in entries] == [(1, 1), (2, 2), (3, 3)]


async def test_fetches_from_one_source_within_the_window_are_one_burst(log: OpenLog) -> None:
    """A burst is one message, one configuration, one source, at most two seconds."""

    def fetch(seconds: float, source_key: bytes | None) -> None:
        opens.append(
            new_open(
                message_key=KEY,
                source_key=source_key,
                open_time=NOON + dt.timedelta(seconds=seconds),
            )
        )

    opens: list[OpenRecord] = []
    for seconds, source in [
        (0, b"a"),
        (0.5, b"a"),
        (1, b"b"),
        (1.9, b"a"),
        (2.5, b"a"),
        (2.6, b"b"),
    ]:
        fetch(seconds, source)
    fetch(2.7, None)
    fetch(2.8, None)
    await log.append(opens[:3])
    await log.append(opens[3:])

    assert [numbers_of(entry)[1] for entry in await read_all(log)] == [1, 1, 2, 1, 3, 2, 4, 5]


async def test_opens_that_are_only_counted_are_passed_over(log: OpenLog) -> None:
    """A reader does not see them, its cursor moves past them, and they count."""
    await log.append([new_open(message_key=KEY, notified=False) for _ in range(5)])
    seen = new_open(message_key=KEY)
    await log.append([seen])
    await log.append([new_open(notified=False)])

    page = await log.read(after=Position(0, 0), max_entries=3, max_octets=1_000)
    assert (page.entries, page.at_head) == ([], False)
    entries = await read_all(log, after=page.after)
    assert event_ids(entries) == [seen.event_id]
    assert numbers_of(entries[0])[0] == 6
    last = await log.read(after=entries[0].position, max_entries=10, max_octets=1_000)
    assert (last.after, last.at_head) == (await log.head(), True)


async def test_a_position_beyond_the_end_is_refused(log: OpenLog) -> None:
    """A reader from the future learns that this is not its log, and where it ends."""
    await log.append(new_opens(2))
    head = await log.head()

    with pytest.raises(CursorAhead) as caught:
        await log.read(
            after=Position(head.transaction, head.sequence + 1), max_entries=1, max_octets=1
        )
    assert decode_cursor(caught.value.metadata["head_cursor"], log.identity) == head


async def test_trimmed_opens_are_not_skipped_silently(log: OpenLog) -> None:
    """A reader that retention overtook is told, with the place where it may go on."""
    await log.append(new_opens(5))
    entries = await read_all(log)
    trimmed = await trim(log, older_than=dt.timedelta(0))
    later = new_open()
    await log.append([later])

    assert trimmed.entries == 5
    with pytest.raises(CursorExpired) as caught:
        await log.read(after=entries[3].position, max_entries=9, max_octets=999)
    earliest = decode_cursor(caught.value.metadata["earliest_cursor"], log.identity)
    assert earliest == await log.earliest() == entries[4].position
    assert event_ids(await read_all(log, after=earliest)) == [later.event_id]


async def test_a_reader_at_the_trimmed_end_is_not_refused(log: OpenLog) -> None:
    """Whoever has read the last trimmed open has lost nothing."""
    await log.append(new_opens(5))
    head = await log.head()
    await trim(log, older_than=dt.timedelta(0))

    page = await log.read(after=head, max_entries=9, max_octets=999)
    assert (page.entries, page.at_head) == ([], True)
    assert await log.head() == head


async def test_positions_are_not_given_twice_after_trimming_all(log_home: LogHome) -> None:
    """Also when the log was emptied and reopened, new opens stand after the old."""
    async with log_home.connect() as log:
        await log.append(new_opens(5))
        head = await log.head()
        await trim(log, older_than=dt.timedelta(0))
    async with log_home.connect() as log:
        await log.append(new_opens(1))

        (entry,) = await read_all(log, after=head)
        assert entry.position > head


async def test_trimming_by_age_keeps_what_is_young(log: OpenLog) -> None:
    """Nothing that was recorded within the age is removed."""
    await log.append(new_opens(5))

    assert (await trim(log, older_than=dt.timedelta(days=1))).entries == 0
    assert len(await read_all(log)) == 5


async def test_trimming_by_size_removes_the_oldest(log: OpenLog) -> None:
    """The log shrinks to the size, from the front, and what is left is in order."""
    for _ in range(6):
        await log.append([new_open(notification=b"x" * 500) for _ in range(1_000)])
    before = await read_all(log, max_entries=10_000, max_octets=100_000_000)
    octets = (await log.stats()).octets

    trimmed = await trim(log, max_octets=octets // 2)
    assert 0 < trimmed.entries < 6_000
    assert (await log.stats()).octets <= octets // 2
    rest = await read_all(log, after=await log.earliest(), max_entries=9_999, max_octets=10**9)
    assert rest == before[trimmed.entries :]


async def test_appends_go_on_beside_trimming(log: OpenLog) -> None:
    """What is appended while the log is trimmed is there afterwards, in order."""
    for _ in range(5):
        await log.append(new_opens(1_000))
    head = await log.head()
    later = [new_opens(3) for _ in range(30)]

    async def append_later() -> None:
        for batch in later:
            await log.append(batch)

    await asyncio.gather(append_later(), trim(log, older_than=dt.timedelta(milliseconds=1)))

    there = event_ids(await read_all(log, after=await log.earliest()))
    expected = [event_id for batch in later for event_id in event_ids(batch)]
    assert there == expected[len(expected) - len(there) :]
    assert await log.earliest() >= head


async def test_numbering_starts_again_once_a_message_is_trimmed_away(log: OpenLog) -> None:
    """With its last open, a message's count goes; until then it stays."""
    await log.append([new_open(message_key=KEY), new_open(message_key=KEY)])
    await trim(log, older_than=dt.timedelta(0))
    await log.append([new_open(message_key=KEY)])

    (entry,) = await read_all(log, after=await log.earliest())
    assert numbers_of(entry)[0] == 1


async def test_erased_opens_are_gone_and_passed_over(log: OpenLog) -> None:
    """Readers pass over them without noticing; cursors on both sides stay valid."""
    opens = [new_open(message_key=KEY if index % 3 else OTHER_KEY) for index in range(1_200)]
    await log.append(opens)
    entries = await read_all(log)
    doomed = set(event_ids(opens)[100:900:2])

    erased = await erase(log, lambda octets: event_id_in(octets) in doomed)
    assert erased == len(doomed)
    kept = [entry for entry in entries if event_id_of(entry) not in doomed]
    assert await read_all(log) == kept
    for place in (99, 100, 101, 899, 900):
        assert await read_all(log, after=entries[place].position) == [
            entry for entry in kept if entry.position > entries[place].position
        ]
    assert await erase(log, lambda octets: event_id_in(octets) in doomed) == 0


async def test_an_erased_message_is_forgotten(log: OpenLog) -> None:
    """After erasing, the next open of the message is its first."""
    await log.append(
        [new_open(message_key=KEY, source_key=b"a", message_id="doomed") for _ in range(3)]
    )
    await log.append([new_open(message_key=OTHER_KEY)])
    await erase(log, lambda notification: b"doomed" in notification)
    await log.append([new_open(message_key=KEY, source_key=b"a"), new_open(message_key=OTHER_KEY)])

    assert [numbers_of(entry)[0] for entry in await read_all(log)] == [1, 1, 2]
    assert numbers_of((await read_all(log))[1])[1] == 1


async def test_opens_that_are_only_counted_are_erased_by_message_key(log: OpenLog) -> None:
    """What has no notification to look at is found by its message."""
    await log.append([new_open(message_key=KEY, notified=False), new_open(message_key=OTHER_KEY)])

    assert await erase(log, lambda _: False, message_keys=[KEY]) == 1
    await log.append([new_open(message_key=KEY)])
    assert [numbers_of(entry)[0] for entry in await read_all(log)] == [1, 1]


async def test_what_is_only_counted_of_an_erased_message_is_erased_with_it(log: OpenLog) -> None:
    """It has no notification to look at, and comes after those of the same open."""
    for key, message_id in ((KEY, "doomed"), (OTHER_KEY, "kept")):
        await log.append(
            [
                new_open(message_key=key, message_id=message_id),
                new_open(message_key=key, notified=False),
            ]
        )

    assert await erase(log, lambda notification: b"doomed" in notification) == 2
    assert await erase(log, lambda _: False, message_keys=[KEY]) == 0
    assert await erase(log, lambda _: False, message_keys=[OTHER_KEY]) == 2


async def test_other_notifications_of_a_message_stay_when_one_is_erased(log: OpenLog) -> None:
    """What can be looked at is judged by what it says, not by its message."""
    await log.append(
        [new_open(text, message_key=KEY, message_id=text) for text in ("doomed", "kept")]
    )

    assert await erase(log, lambda notification: b"doomed" in notification) == 1
    assert event_ids(await read_all(log)) == ["kept"]


async def test_an_erased_open_is_not_recorded_again(log: OpenLog) -> None:
    """Repeating the append of an erased open does not bring it back."""
    open_ = new_open()
    await log.append([open_])
    await erase(log, lambda _: True)
    await log.append([open_])

    assert await read_all(log) == []


async def test_revised_opens_stay_where_they_are(log: OpenLog) -> None:
    """They have another judgement, and the places, IDs, numbers and bursts that they had."""
    opens = [new_open(message_key=KEY, source_key=b"a") for _ in range(250)]
    await log.append([*opens, new_open(message_key=KEY, notified=False)])
    before = await read_all(log)

    revised = await revise(log, revision_of)

    after = await read_all(log)
    assert revised.examined == 251
    assert revised.total >= 251
    assert revised.after >= after[-1].position
    assert {(entry.agent, entry.confidence) for entry in after} == {(4, 3)}
    assert all(b"judged again" in entry.notification for entry in after)
    for name in ("position", "configuration_id", "first_open"):
        assert [getattr(each, name) for each in after] == [getattr(each, name) for each in before]
    assert event_ids(after) == event_ids(opens)
    assert [numbers_of(each) for each in after] == [numbers_of(each) for each in before]
    (count,) = await daily_counts(log)
    assert count.opens_by_agent == {4: 250, 1: 1}


async def test_a_dry_run_revises_nothing(log: OpenLog) -> None:
    """Everything is looked at, and stays as it is."""
    await log.append(new_opens(150))
    before = await read_all(log)

    assert (await revise(log, revision_of, is_dry_run=True)).examined == 150
    assert await read_all(log) == before


async def test_revising_goes_on_where_it_ended(log: OpenLog) -> None:
    """What was written stays written, and what comes after is not looked at twice."""
    await log.append(new_opens(250))
    looked_at: list[str] = []

    def counted(notification: bytes) -> Revision:
        looked_at.append(event_id_in(notification))
        return revision_of(notification)

    async for revised in log.revise(counted):
        if revised.examined:
            break
    first = len(looked_at)
    await revise(log, counted, after=revised.after)

    assert 0 < first < 250
    assert len(looked_at) == len(set(looked_at)) == 250
    assert {entry.agent for entry in await read_all(log)} == {4}


async def test_what_is_erased_meanwhile_is_not_revised(log: OpenLog) -> None:
    """An open that is erased between looking and writing does not come back."""
    await log.append(new_opens(3))
    step: list[RevisedOpen] = []

    class Late:
        """The log, with a writer that comes after the one that erases."""

        end, earliest, stored = log.end, log.earliest, log.stored  # type: ignore[attr-defined] # both have them

        async def revise_step(self, revised: Sequence[RevisedOpen]) -> None:
            step.extend(revised)
            await erase(log, lambda _: True)
            await log.revise_step(revised)  # type: ignore[attr-defined] # as above

    async for _ in revise_in_steps(Late(), revision_of, after=None, is_dry_run=False):
        pass

    assert len(step) == 3
    assert await read_all(log) == []


async def test_a_time_finds_the_first_open_recorded_since(log: OpenLog) -> None:
    """Reading from a time starts with the first open recorded at or after it."""
    moments = []
    opens = new_opens(6)
    for open_ in opens:
        moments.append(dt.datetime.now(dt.UTC))
        await log.append([open_])

    for index, moment in enumerate(moments):
        entries = await read_all(log, after=await log.position_at(moment))
        assert event_ids(entries) == event_ids(opens[index:])
    assert await log.position_at(dt.datetime.now(dt.UTC)) == await log.head()
    long_ago = await log.position_at(NOON - dt.timedelta(days=9_999))
    assert event_ids(await read_all(log, after=long_ago)) == event_ids(opens)


async def test_news_wakes_a_waiting_reader(log: OpenLog) -> None:
    """A reader at the head is woken by an append; one that is behind does not wait."""
    head = await log.head()
    waiting = asyncio.create_task(log.wait_for_news(after=head))
    await asyncio.sleep(0)
    assert not waiting.done()
    await log.append(new_opens(1))
    await waiting
    await log.wait_for_news(after=head)

    assert await log.head() > head


async def test_news_of_another_process_wakes_a_waiting_reader(log_home: LogHome) -> None:
    """A reader is woken by an append that went through another connection to the log."""
    async with log_home.connect_twice() as (reading, writing):
        head = await reading.head()
        waiting = asyncio.create_task(reading.wait_for_news(after=head))
        open_ = new_open()
        await writing.append([open_])
        # Waiting ends by itself after 30 s; that is not meant here.
        async with asyncio.timeout(10):
            await waiting

        assert event_ids(await read_all(reading, after=head)) == [open_.event_id]


async def test_lag_counts_what_follows(log: OpenLog) -> None:
    """The lag is the number of entries after a position, and 0 at the head."""
    await log.append(new_opens(9))
    entries = await read_all(log)

    assert await log.lag(entries[3].position) == 5
    assert await log.lag(await log.head()) == 0


async def test_stats_say_how_much_is_held_and_since_when(log: OpenLog) -> None:
    """Entries, ends and times are those of the log."""
    before = dt.datetime.now(dt.UTC)
    await log.append(new_opens(4))

    stats = await log.stats()
    assert stats.entries == 4
    assert stats.octets > 0
    assert (stats.earliest, stats.head) == (await log.earliest(), await log.head())
    assert stats.earliest_time is not None
    assert stats.head_time is not None
    assert before <= stats.earliest_time <= stats.head_time <= dt.datetime.now(dt.UTC)


async def test_opens_are_counted_by_day_and_configuration(log: OpenLog) -> None:
    """Also those that are only counted, and the first opens apart."""
    opens = [
        dataclasses.replace(
            open_,
            configuration_id=configuration_id,
            notified=notified,
            message_key=b"one message here",
        )
        for configuration_id, notified in (("news", True), ("shop", False))
        for open_ in new_opens(3)
    ]
    await log.append(opens)

    counts = await daily_counts(log)

    assert sum(each.opens for each in counts) == 6
    assert {each.configuration_id for each in counts} == {"news", "shop"}
    assert {each.day for each in counts} <= {open_.open_time.date() for open_ in opens} | {
        dt.datetime.now(dt.UTC).date()
    }
    # One message of each configuration, so one first open each.
    assert sum(each.first_opens for each in counts) == 2


async def test_counts_are_whole_wherever_their_portions_end(log: OpenLog) -> None:
    """Whether an open is the first or the last of a portion, it counts once."""
    for _ in range(5):
        await log.append([new_open(agent=agent) for agent in (1, 1, 4)])
    for portion_entries in (1, 2, 7, 15, 16):
        portions = count_in_steps(
            cast("Any", log), earliest_day=None, portion_entries=portion_entries
        )
        counts = [count async for some in portions for count in some]

        assert sum(each.opens for each in counts) == 15
        assert sum(each.opens_by_agent[4] for each in counts if 4 in each.opens_by_agent) == 5


async def test_counts_tell_agents_apart(log: OpenLog) -> None:
    """A scanner's opens do not swell a person's."""
    await log.append([new_open(agent=agent) for agent in (4, 1, 4)])
    counts = await daily_counts(log)

    assert sum(each.opens for each in counts) == 3
    assert sum(each.opens_by_agent[1] for each in counts if 1 in each.opens_by_agent) == 1
    assert sum(each.opens_by_agent[4] for each in counts if 4 in each.opens_by_agent) == 2


async def test_fetches_that_an_open_stands_for_are_counted_and_erased_with_it(
    log: OpenLog,
) -> None:
    """Those beyond their message's budget are no opens, and leave nothing either."""
    await log.append([dataclasses.replace(new_open(), collapsed=7), new_open()])
    counts = await daily_counts(log)
    await erase(log, lambda _: True)
    left = await cast("Any", log).query(
        lambda connection: connection.execute(
            sa.select(sa.func.sum(tables.opens.c.collapsed))
        ).scalar_one()
    )

    assert sum(each.opens for each in counts) == 2
    assert sum(each.collapsed_opens for each in counts) == 7
    assert left == 0


async def test_what_is_erased_no_longer_counts(log: OpenLog) -> None:
    """Nothing of it is left, not even a line without a configuration."""
    doomed, kept = new_opens(2)
    await log.append([doomed, kept])
    await erase(log, lambda notification: notification == doomed.notification)

    assert [(each.configuration_id, each.opens) for each in await daily_counts(log)] == [
        ("news", 1)
    ]
