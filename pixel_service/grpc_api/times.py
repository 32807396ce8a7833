"""Times as protobuf has them."""

import datetime as dt

from google.protobuf import duration_pb2, timestamp_pb2


def timestamp(time: dt.datetime) -> timestamp_pb2.Timestamp:
    """Return *time* as protobuf has it."""
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(time)
    return message


def duration(delta: dt.timedelta) -> duration_pb2.Duration:
    """Return *delta* as protobuf has it."""
    message = duration_pb2.Duration()
    message.FromTimedelta(delta)
    return message
