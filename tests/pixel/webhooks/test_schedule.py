"""When an event is tried again."""

import datetime as dt

import pytest

from pixel_service.webhooks.answers import Outcome, answer_of
from pixel_service.webhooks.schedule import wait_seconds

NOW = dt.datetime(2026, 11, 27, 10, tzinfo=dt.UTC)


def longest(attempts: int, retry_after: str = "") -> float:
    return wait_seconds(attempts, retry_after=retry_after, now=NOW, draw=lambda _, most: most)


def test_waits_grow_from_seconds_to_minutes() -> None:
    """They double from 5 s to 10 min, and stay there."""
    waits = [longest(attempts) for attempts in range(1, 11)]

    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert longest(1_000_000) == 600


def test_waits_are_drawn_from_their_upper_part() -> None:
    """Receivers that were away are not called by all webhooks at once."""
    least = wait_seconds(2, retry_after="", now=NOW, draw=lambda least, _: least)

    assert least == 7.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 1),
        ("86400", 3600),
        ("9" * 5_000, 3600),
        ("Fri, 27 Nov 2026 10:02:00 GMT", 120),
        ("Fri, 27 Nov 2026 09:00:00 GMT", 1),
        ("Sat, 28 Nov 2026 10:00:00 GMT", 3600),
        ("Fri, 27 Nov 2026 10:02:00 -0000", 120),
        ("soon", 5),
        (f"Fri, 27 Nov {'9' * 20} 10:02:00 GMT", 5),
        (f"Fri, 27 Nov 2026 10:02:00 +{'9' * 20}", 5),
        ("-1", 5),
        ("١٢", 5),
        ("", 5),
    ],
)
def test_retry_after_is_followed_within_bounds(text: str, seconds: float) -> None:
    """In both of its forms, for a second at least and an hour at most; nonsense is ignored."""
    assert longest(1, text) == seconds


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (302, Outcome.FAILED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.FAILED),
        (410, Outcome.GONE),
        (425, Outcome.FAILED),
        (429, Outcome.FAILED),
        (500, Outcome.FAILED),
        (503, Outcome.FAILED),
    ],
)
def test_statuses_have_their_meaning(status: int, outcome: Outcome) -> None:
    """What the contract says of each class of statuses is what becomes of an event."""
    assert answer_of(status).outcome is outcome
