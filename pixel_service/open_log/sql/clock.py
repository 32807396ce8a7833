"""Times as the tables hold them: microseconds since 1970 UTC."""

import datetime as dt
import time
from typing import Final

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def now_us() -> int:
    """Return the present moment."""
    return time.time_ns() // 1_000


def to_us(time: dt.datetime) -> int:
    """Return *time* as the tables hold it."""
    return (time - _EPOCH) // _MICROSECOND


def from_us(time_us: int) -> dt.datetime:
    """Return the UTC time that the tables hold as *time_us*."""
    return _EPOCH + time_us * _MICROSECOND
