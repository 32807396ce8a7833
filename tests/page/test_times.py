"""Times on a page."""

import datetime as dt

from google.protobuf.timestamp_pb2 import Timestamp

from pixel_service.page.times import moment


def test_time_is_in_utc_for_people_and_exact_for_scripts() -> None:
    """Without a script it is read as it is, and with one it can be put into any zone."""
    stamp = Timestamp()
    stamp.FromDatetime(dt.datetime(2026, 11, 27, 9, 5, 7, 123_456, tzinfo=dt.UTC))

    assert str(moment(stamp)) == (
        '<time datetime="2026-11-27T09:05:07.123+00:00">2026-11-27 09:05:07 UTC</time>'
    )
