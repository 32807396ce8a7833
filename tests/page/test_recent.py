"""What is kept of the opens that came last."""

import datetime as dt

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.page.charts import Split
from pixel_service.page.live import LAST_OPENS, MINUTES, RecentOpens

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def opened(
    event_id: str, time: dt.datetime = NOON, agent: "pb.Agent.ValueType" = pb.AGENT_PERSON
) -> pb.OpenNotification:
    """Return an open as it is notified."""
    notification = pb.OpenNotification(event_id=event_id)
    notification.open.open_time.FromDatetime(time)
    notification.open.evidence.agent = agent
    return notification


def test_minutes_have_what_was_opened_in_them() -> None:
    """By who is behind it, whenever it came in; minutes without opens are there, too."""
    recent = RecentOpens(NOON - 2 * MINUTE)
    recent.add(
        [
            opened("a:0", NOON),
            opened("b:0", NOON - MINUTE, pb.AGENT_SCANNER),
            opened("c:0", NOON + dt.timedelta(seconds=59), pb.AGENT_UNKNOWN),
        ],
        now=NOON + MINUTE,
    )

    assert recent.minutes(NOON + MINUTE) == [
        (NOON - 2 * MINUTE, Split()),
        (NOON - MINUTE, Split(machine=1)),
        (NOON, Split(person=1, unknown=1)),
        (NOON + MINUTE, Split()),
    ]


def test_open_of_several_configurations_counts_once() -> None:
    """Each of its notifications comes, and there was one fetch."""
    recent = RecentOpens(NOON)
    recent.add([opened("a:0"), opened("a:1")], now=NOON)
    recent.add([opened("a:2"), opened("b:0")], now=NOON)

    assert recent.added == 2
    assert [each.event_id for each in recent.latest()] == ["b:0", "a:0"]


def test_only_the_latest_are_kept() -> None:
    """What is asked for after some that are gone is what is there."""
    recent = RecentOpens(NOON)
    recent.add([opened(f"{number}:0") for number in range(LAST_OPENS + 5)], now=NOON)

    assert len(recent.latest()) == LAST_OPENS
    assert [each.event_id for each in recent.latest(after=LAST_OPENS + 3)] == ["24:0", "23:0"]
    assert recent.latest(after=LAST_OPENS + 5) == []


def test_minutes_that_nobody_sees_are_forgotten() -> None:
    """Those of long ago, and those of a clock that is ahead, whatever comes."""
    recent = RecentOpens(NOON - 2 * MINUTES * MINUTE)
    for number in range(1_000):
        recent.add([opened(f"{number}:0", NOON + (number - 500) * MINUTE)], now=NOON)

    assert len(recent._counts) <= MINUTES + 2  # noqa: SLF001 - what is kept, not what is shown
    assert len(recent.minutes(NOON)) == MINUTES
