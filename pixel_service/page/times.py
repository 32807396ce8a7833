"""Times as a page shows them: in UTC, and in the reader's zone where scripts may say so."""

import datetime as dt

import htpy as h
from google.protobuf.timestamp_pb2 import Timestamp


def moment(stamp: Timestamp) -> h.Element:
    """Return a time, to the second; the script of the page shows it in the reader's zone."""
    time = stamp.ToDatetime(tzinfo=dt.UTC)
    return h.time(datetime=time.isoformat(timespec="milliseconds"))[f"{time:%Y-%m-%d %H:%M:%S} UTC"]
