"""Times as whole numbers."""

import datetime as dt

import hypothesis
from hypothesis import strategies as st

from service_runtime.times import microseconds_of, now_us, time_of


@hypothesis.given(moment=st.datetimes(timezones=st.just(dt.UTC)))
def test_times_come_back(moment: dt.datetime) -> None:
    """A time that became a number is the same time again, before 1970 too."""
    assert time_of(microseconds_of(moment)) == moment


def test_now_is_now() -> None:
    """The present moment is counted from the same beginning as other times."""
    before = microseconds_of(dt.datetime.now(dt.UTC))
    now = now_us()
    after = microseconds_of(dt.datetime.now(dt.UTC))

    assert before <= now <= after
