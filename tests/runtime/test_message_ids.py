"""IDs of messages begin with a time, by which they and what is kept under them sort."""

import datetime as dt

from injector_service.new_ids import new_message_id
from service_runtime.message_ids import beginning_at, time_octets
from service_runtime.times import microseconds_of

NOON = microseconds_of(dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC))
HOUR_US = 3_600_000_000


def test_ids_sort_by_their_time_as_texts_and_as_octets() -> None:
    """Of two IDs that were made two hours apart the later sorts after the other, in both forms."""
    ids = [new_message_id(NOON + 2 * hour * HOUR_US) for hour in range(2_000)]
    times = [time_octets(each) for each in ids]

    assert ids == sorted(ids)
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    assert {len(each) for each in times} == {3}


def test_ids_of_one_moment_share_their_beginning_and_nothing_else() -> None:
    """A time is in the ID to 72 minutes, and the rest is chance."""
    ids = {new_message_id(NOON) for _ in range(1_000)}

    assert len(ids) == 1_000
    assert {each[:5] for each in ids} == {beginning_at(NOON)}
    assert {len(each) for each in ids} == {22}


def test_other_ids_have_no_time() -> None:
    """What a caller or an older version made is no time, whatever it looks like."""
    others = ("", "message-1", "a" * 22, "0Vxk~short", "0Vxk~" + "a" * 18, "0Vx-~" + "a" * 17)

    assert [time_octets(each) for each in others] == [b""] * len(others)


def test_any_time_makes_a_beginning() -> None:
    """A date of a message may be of any year; what no ID can say is said as near as it can."""
    assert beginning_at(-1) == beginning_at(0) == "0000~"
    assert beginning_at(1 << 100) == "zzzz~"
    assert time_octets("zzzz~" + "a" * 17) > time_octets(beginning_at(NOON) + "a" * 17)
