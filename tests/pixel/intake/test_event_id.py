"""IDs of opens are unique and sort by time."""

import datetime as dt
import re

from hypothesis import given
from hypothesis import strategies as st

from pixel_service.intake.event_id import new_open_id
from service_runtime.times import microseconds_of

TIMES = st.datetimes(
    min_value=dt.datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=dt.datetime(4000, 1, 1),  # noqa: DTZ001 - likewise
    timezones=st.just(dt.UTC),
)


@given(TIMES, TIMES)
def test_ids_sort_as_their_times(one: dt.datetime, other: dt.datetime) -> None:
    """The ID of an earlier open sorts first, as text; each has 22 URL-safe characters."""
    ids = new_open_id(microseconds_of(one)), new_open_id(microseconds_of(other))

    assert (ids[0] < ids[1]) == (one < other) or one == other
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", each) for each in ids)


def test_opens_of_one_moment_have_their_own_ids() -> None:
    """Time alone does not make the ID."""
    now = dt.datetime.now(dt.UTC)

    assert len({new_open_id(microseconds_of(now)) for _ in range(10_000)}) == 10_000
