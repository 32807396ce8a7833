"""What is counted of tracked messages in memory, and within which bounds."""

from typing import Final

import pytest

from injector_service.privacy import PrivacyLevel
from injector_service.tracking import Dimension, TrackedCounter, TrackedKind, counter
from injector_service.tracking.values import HOUR_US

HOUR: Final = 480_000


def add(counting: TrackedCounter, *, hour: int = HOUR, tags: dict[str, str] | None = None) -> None:
    """Count one message of `news`."""
    counting.add(
        hour * HOUR_US + 1,
        ("news",),
        PrivacyLevel.FULL,
        "ann@gmail.com",
        {} if tags is None else tags,
    )


def kind(dimension: Dimension, value: str, configuration_id: str = "news") -> TrackedKind:
    """Return a kind of the hour."""
    return TrackedKind(HOUR, configuration_id, dimension, value)


async def test_message_counts_in_each_configuration_by_each_dimension() -> None:
    """A message raises the count of all, of its level, its provider and each of its tags."""
    counting = TrackedCounter()

    for _ in range(2):
        counting.add(
            HOUR * HOUR_US,
            ("news", "shop"),
            PrivacyLevel.MASKED,
            "Ann@GMAIL.com",
            {"a": "1", "b": "2"},
        )
    await counting.collect()

    assert dict(counting.waiting) == {
        kind(dimension, value, configuration_id): 2
        for configuration_id in ("news", "shop")
        for dimension, value in (
            (Dimension.ALL, ""),
            (Dimension.PRIVACY_LEVEL, "PRIVACY_LEVEL_MASKED"),
            (Dimension.MAILBOX_PROVIDER, "Gmail"),
            (Dimension.TAG, "a=1"),
            (Dimension.TAG, "b=2"),
        )
    }


@pytest.mark.parametrize(
    ("level", "provider", "tags"),
    [
        (PrivacyLevel.FULL, "Gmail", {"a=1"}),
        (PrivacyLevel.MASKED, "Gmail", {"a=1"}),
        (PrivacyLevel.PSEUDONYMOUS, "", {"a=1"}),
        (PrivacyLevel.ANONYMOUS, "", set()),
    ],
)
async def test_level_that_keeps_no_recipient_lets_no_provider_be_known(
    level: PrivacyLevel, provider: str, tags: set[str]
) -> None:
    """What the level does not let an open say is not counted of the message either."""
    counting = TrackedCounter()

    counting.add(HOUR * HOUR_US, ("news",), level, "ann@gmail.com", {"a": "1"})
    await counting.collect()

    found = list(counting.waiting)
    assert [each.value for each in found if each.dimension is Dimension.MAILBOX_PROVIDER] == [
        provider
    ]
    assert {each.value for each in found if each.dimension is Dimension.TAG} == tags


async def test_tags_beyond_the_most_of_a_day_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tags that name a message each do not fill the database; a new day tells them apart again."""
    monkeypatch.setattr(counter, "MAX_TAGS", 2)
    counting = TrackedCounter()

    for hour in (HOUR, HOUR + 24, HOUR + 48):
        for number in range(5):
            add(counting, hour=hour, tags={"id": str(number)})
        await counting.collect()

    for hour in (HOUR, HOUR + 24, HOUR + 48):
        tags = {
            each.value: count
            for each, count in counting.waiting.items()
            if each.dimension is Dimension.TAG and each.hour == hour
        }
        assert tags == {"id=0": 1, "id=1": 1, "": 3}


async def test_messages_that_are_alike_in_nothing_are_counted_without_their_tags(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between two collections memory is bounded, and every message still counts."""
    monkeypatch.setattr(counter, "MAX_ALIKE", 3)
    counting = TrackedCounter()

    for number in range(10):
        add(counting, tags={"id": str(number)})
    await counting.collect()

    assert counting.waiting[kind(Dimension.ALL, "")] == 10
    assert counting.waiting[kind(Dimension.TAG, "")] == 7


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound what waits already grows, and what has no room is told of."""
    monkeypatch.setattr(counter, "MAX_WAITING", 3)
    counting = TrackedCounter()

    add(counting)
    add(counting, tags={"id": "1"})
    await counting.collect()

    assert counting.waiting[kind(Dimension.ALL, "")] == 2
    assert len(counting.waiting) == 3
    assert counting.uncounted == 1
