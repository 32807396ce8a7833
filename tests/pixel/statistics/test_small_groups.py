"""Which values are told apart: what is too small for that, and what hides it."""

from collections.abc import Mapping

import pytest

from pixel_service.open_log import Counts, StatisticsRow
from pixel_service.statistics import added_up, told_apart
from tests.pixel.open_log.log_values import NOON


def told(opens: Mapping[str, int], *, max_values: int = 20) -> tuple[str, bool]:
    """Return which values with so many *opens* are told apart, and whether there is a rest."""
    rows = [
        StatisticsRow(start=NOON, value=value, counts=Counts(opens=count))
        for value, count in opens.items()
    ]
    found = told_apart(rows, min_group_size=10, max_values=max_values)
    return "".join(found.values), found.has_rest


@pytest.mark.parametrize(
    ("opens", "values", "has_rest"),
    [
        ({}, "", False),
        ({"a": 10, "b": 30}, "ba", False),
        ({"a": 9, "b": 30, "c": 9}, "b", True),
        ({"a": 9, "b": 30, "c": 20}, "b", True),
        ({"a": 9, "b": 30}, "", True),
        ({"a": 9}, "", True),
        ({"a": 1, "b": 2}, "", True),
        ({"b": 20, "a": 20, "c": 20}, "abc", False),
    ],
    ids=[
        "nothing",
        "all large",
        "two small",
        "one small hides the next",
        "one small hides the only other",
        "one small alone",
        "small ones alone",
        "equals by name",
    ],
)
def test_small_values_are_counted_together(
    opens: Mapping[str, int], values: str, *, has_rest: bool
) -> None:
    """No value with fewer than ten is named, nor is it what is missing from the total."""
    assert told(opens) == (values, has_rest)


def test_the_fewest_opens_go_beyond_the_number_of_values() -> None:
    """A large value may be alone in the rest; a small one there may not."""
    assert told({"a": 10, "b": 20, "c": 30}, max_values=2) == ("cb", True)
    assert told({"a": 9, "b": 20, "c": 30}, max_values=2) == ("c", True)
    assert told({"a": 9, "b": 20, "c": 30}, max_values=1) == ("c", True)


@pytest.mark.parametrize(
    ("opens", "messages_tracked", "is_told"),
    [(9, 10, True), (100, 9, False), (10, 0, True), (9, 0, False), (0, 10, True)],
)
def test_messages_tracked_say_how_large_a_group_is(
    opens: int, messages_tracked: int, *, is_told: bool
) -> None:
    """Nine people who open often are few; where nothing is known of them, opens are counted."""
    counts = Counts(opens=opens, messages_tracked=messages_tracked)
    row = StatisticsRow(start=NOON, value="a", counts=counts)

    assert told_apart([row], min_group_size=10, max_values=20) == (
        (["a"], False) if is_told else ([], True)
    )


def test_intervals_count_together() -> None:
    """A value is as large as it is in the whole span."""
    assert told_apart(
        [StatisticsRow(start=NOON, value="a", counts=Counts(opens=5))] * 2,
        min_group_size=10,
        max_values=20,
    ) == (["a"], False)


def test_every_count_is_added_up() -> None:
    """None is left out."""
    one = Counts(
        opens=1,
        first_opens=2,
        person_opens=3,
        machine_opens=4,
        collapsed_opens=5,
        opened_at_least=6,
        opened_at_most=7,
        messages_tracked=8,
    )

    assert added_up([]) == Counts()
    assert added_up([one, one]) == Counts(
        opens=2,
        first_opens=4,
        person_opens=6,
        machine_opens=8,
        collapsed_opens=10,
        opened_at_least=12,
        opened_at_most=14,
        messages_tracked=16,
    )
