"""Times as whole numbers: microseconds since 1970 UTC, as tables and tokens hold them."""

import datetime as dt
import time
from typing import Final

EPOCH: Final = dt.datetime.fromtimestamp(0, dt.UTC)
MICROSECOND: Final = dt.timedelta(microseconds=1)


def microseconds_of(moment: dt.datetime) -> int:
    """Return *moment* in microseconds since 1970 UTC."""
    return (moment - EPOCH) // MICROSECOND


def time_of(microseconds: int) -> dt.datetime:
    """Return the UTC time so many *microseconds* after 1970."""
    return EPOCH + microseconds * MICROSECOND


def now_us() -> int:
    """Return the present moment, in microseconds since 1970 UTC."""
    return time.time_ns() // 1_000
