"""Times as protobuf has them.

By hand, because protobuf's own conversions take as long as all the rest of an open.
"""

import datetime as dt
from typing import Final

from google.protobuf import duration_pb2, timestamp_pb2

_EPOCH: Final = dt.datetime.fromtimestamp(0, dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_PER_SECOND: Final = 1_000_000


def timestamp(time: dt.datetime) -> timestamp_pb2.Timestamp:
    """Return *time* as protobuf has it."""
    seconds, microseconds = divmod((time - _EPOCH) // _MICROSECOND, _PER_SECOND)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=microseconds * 1_000)


def duration(delta: dt.timedelta) -> duration_pb2.Duration:
    """Return *delta* as protobuf has it."""
    microseconds = delta // _MICROSECOND
    # Both parts of a negative duration are negative (google/protobuf/duration.proto).
    sign = -1 if microseconds < 0 else 1
    seconds, rest = divmod(abs(microseconds), _PER_SECOND)
    return duration_pb2.Duration(seconds=sign * seconds, nanos=sign * rest * 1_000)
