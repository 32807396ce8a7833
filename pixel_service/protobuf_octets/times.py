"""Times as protobuf has them.

By hand, because protobuf's own conversions take as long as all the rest of an open.
"""

import datetime as dt
import functools
from typing import Final

from google.protobuf import duration_pb2, timestamp_pb2

from pixel_service.protobuf_octets.fields import MAX_FIXED, fixed_varint, number_tag
from service_runtime.times import MICROSECOND, microseconds_of

_PER_SECOND: Final = 1_000_000

# Both types have the same two fields, under the same numbers.
_SECONDS_TAG: Final = number_tag(timestamp_pb2.Timestamp.SECONDS_FIELD_NUMBER)
_NANOS_TAG: Final = number_tag(timestamp_pb2.Timestamp.NANOS_FIELD_NUMBER)


def timestamp(time: dt.datetime) -> timestamp_pb2.Timestamp:
    """Return *time* as protobuf has it."""
    return _timestamp(microseconds_of(time))


def duration(delta: dt.timedelta) -> duration_pb2.Duration:
    """Return *delta* as protobuf has it."""
    return _duration(delta // MICROSECOND)


def timestamp_octets(microseconds: int) -> bytes:
    """Return the `Timestamp` so many *microseconds* after 1970 UTC, serialized."""
    seconds, rest = divmod(microseconds, _PER_SECOND)
    if 0 <= seconds <= MAX_FIXED:
        return _octets(seconds, rest * 1_000)
    return _timestamp(microseconds).SerializeToString()


def duration_octets(microseconds: int) -> bytes:
    """Return the `Duration` of so many *microseconds*, serialized."""
    seconds, rest = divmod(microseconds, _PER_SECOND)
    if 0 <= seconds <= MAX_FIXED:
        return _octets(seconds, rest * 1_000)
    return _duration(microseconds).SerializeToString()


def _timestamp(microseconds: int) -> timestamp_pb2.Timestamp:
    seconds, rest = divmod(microseconds, _PER_SECOND)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=rest * 1_000)


def _duration(microseconds: int) -> duration_pb2.Duration:
    # Both parts of a negative duration are negative (google/protobuf/duration.proto).
    sign = -1 if microseconds < 0 else 1
    seconds, rest = divmod(abs(microseconds), _PER_SECOND)
    return duration_pb2.Duration(seconds=sign * seconds, nanos=sign * rest * 1_000)


def _octets(seconds: int, nanos: int) -> bytes:
    return _SECONDS_TAG + _seconds(seconds) + _NANOS_TAG + fixed_varint(nanos)


# Fetches come at the same second, for messages of the same mailing.
_seconds: Final = functools.lru_cache(maxsize=1_024)(fixed_varint)
