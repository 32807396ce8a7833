"""What the keeping of objections promises: `ObjectionStore`, on every backend."""

from collections.abc import Awaitable, Callable

import pytest

from pixel_service.errors import ObjectionNotFound, ObjectionQuota
from pixel_service.open_log import (
    ObjectionSubject,
    OpenLog,
    message_objection_key,
    recipient_objection_key,
)
from pixel_service.open_log.sql import objections as sql_objections
from tests.pixel.open_log.log_values import LogHome

KEYS = [bytes([number]) * 16 for number in range(5)]


async def test_an_objection_is_kept_as_it_was_taken(log_home: LogHome) -> None:
    """Also after reopening; taken once more, it is the one that is there."""
    async with log_home.connect() as log:
        made = await log.objections.create(KEYS[0], ObjectionSubject.MESSAGE)
    async with log_home.connect() as log:
        assert await log.objections.get(KEYS[0]) == made
        assert await log.objections.create(KEYS[0], ObjectionSubject.MESSAGE) == made
        await log.objections.delete(KEYS[0])
        for call in (log.objections.get, log.objections.delete):
            with pytest.raises(ObjectionNotFound):
                await call(KEYS[0])


async def test_objections_are_listed_by_key(log: OpenLog) -> None:
    """A page at a time, each once."""
    for key in reversed(KEYS):
        await log.objections.create(key, ObjectionSubject.RECIPIENT)
    first = await log.objections.page(after_key=b"", limit=3)
    rest = await log.objections.page(after_key=first[-1].key, limit=3)
    assert [each.key for each in (*first, *rest)] == KEYS


async def test_keys_come_when_they_have_changed(log: OpenLog) -> None:
    """Whatever the change was, also one that leaves their number as it was."""
    change = None
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: log.objections.create(KEYS[0], ObjectionSubject.RECIPIENT),
        lambda: log.objections.create(KEYS[1], ObjectionSubject.RECIPIENT),
        lambda: log.objections.delete(KEYS[1]),
        lambda: log.objections.delete(KEYS[0]),
        lambda: log.objections.create(KEYS[2], ObjectionSubject.RECIPIENT),
    ]
    seen = []
    for make in changes:
        await make()
        found = await log.objections.keys(unless_change=change)
        assert found is not None
        seen.append(found.keys)
        change = found.change
        assert await log.objections.keys(unless_change=change) is None
    assert seen == [set(KEYS[:1]), set(KEYS[:2]), set(KEYS[:1]), set(), set(KEYS[2:3])]


async def test_a_change_is_seen_whatever_the_clock_says(
    log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One objection for another, taken at the same time by a clock that was set back."""
    times = iter([2_000_000, 1_000_000, 1_000_000])
    monkeypatch.setattr(sql_objections, "now_us", lambda: next(times))
    await log.objections.create(KEYS[0], ObjectionSubject.RECIPIENT)
    await log.objections.create(KEYS[1], ObjectionSubject.RECIPIENT)
    before = await log.objections.keys(unless_change=None)
    assert before is not None
    await log.objections.delete(KEYS[1])
    await log.objections.create(KEYS[2], ObjectionSubject.RECIPIENT)
    after = await log.objections.keys(unless_change=before.change)
    assert after is not None
    assert after.keys == {KEYS[0], KEYS[2]}


async def test_there_are_so_many_objections_and_no_more(
    log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than the quota is refused, until another is withdrawn."""
    monkeypatch.setattr(sql_objections, "MAX_OBJECTIONS", 2)
    for key in KEYS[:2]:
        await log.objections.create(key, ObjectionSubject.RECIPIENT)
    with pytest.raises(ObjectionQuota):
        await log.objections.create(KEYS[2], ObjectionSubject.RECIPIENT)
    await log.objections.create(KEYS[0], ObjectionSubject.RECIPIENT)
    await log.objections.delete(KEYS[0])
    await log.objections.create(KEYS[2], ObjectionSubject.RECIPIENT)


def test_keys_say_nothing_without_the_log() -> None:
    """Another log's are others, and so are those of another kind."""
    key = recipient_objection_key("ann@example.com", b"one log")
    assert key == recipient_objection_key("ann@example.com", b"one log")
    assert key != recipient_objection_key("ann@example.com", b"another log")
    assert key != message_objection_key(b"ann@example.com", b"one log")
