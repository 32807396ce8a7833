"""Waits between attempts."""

import datetime as dt
import itertools

from service_runtime.backoff import Backoff

SHORTEST = dt.timedelta(seconds=1)
LONGEST = dt.timedelta(seconds=10)


def test_waits_double_up_to_the_longest() -> None:
    """Each is drawn from the upper half of a ceiling that doubles and then stays."""
    backoff = Backoff(shortest=SHORTEST, longest=LONGEST)

    for ceiling in (1, 2, 4, 8, 10, 10):
        assert ceiling / 2 <= backoff.next_seconds() <= ceiling


def test_success_begins_with_the_shortest_again() -> None:
    """The next failure is a new one."""
    backoff = Backoff(shortest=SHORTEST, longest=LONGEST)
    for _ in range(5):
        backoff.next_seconds()

    backoff.reset()

    assert backoff.next_seconds() <= 1


def test_attempt_that_lasted_counts_as_a_success() -> None:
    """What ran well for long enough need not say so."""
    backoff = Backoff(shortest=SHORTEST, longest=LONGEST, healthy=dt.timedelta(0))
    backoff.next_seconds()
    backoff.begin()

    assert backoff.next_seconds() <= 1


def test_waits_of_several_processes_differ() -> None:
    """Those who lost one database together do not come back to it together."""
    waits = [Backoff(shortest=SHORTEST, longest=LONGEST).next_seconds() for _ in range(10)]

    assert all(one != other for one, other in itertools.combinations(waits, 2))
