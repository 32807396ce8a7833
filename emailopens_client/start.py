"""Where a stream starts."""

import datetime as dt
import enum
from typing import Final

from emailopens.pixel.v1 import pixel_service_pb2 as pb


class LogEnd(enum.Enum):
    """One end of the log."""

    EARLIEST = "earliest"
    LATEST = "latest"


POSITIONS: Final = {
    LogEnd.EARLIEST: pb.POSITION_EARLIEST,
    LogEnd.LATEST: pb.POSITION_LATEST,
}


def set_start(
    request: pb.StreamOpensRequest,
    *,
    subscription_id: str | None,
    after_cursor: str | None,
    from_time: dt.datetime | None,
    position: LogEnd | None,
) -> None:
    """Set the start of *request*.

    Raises:
        ValueError: not exactly one is given: a start that was forgotten must not
            silently mean the latest. Or *from_time* has no zone: it would silently mean
            UTC.
    """
    given = [each for each in (subscription_id, after_cursor, from_time, position) if each]
    if len(given) != 1:
        raise ValueError("give one of subscription_id, after_cursor, from_time and position")
    if subscription_id:
        request.subscription_id = subscription_id
    if after_cursor:
        request.after_cursor = after_cursor
    if from_time:
        if from_time.tzinfo is None:
            raise ValueError("from_time has no zone: give it one, such as datetime.UTC")
        request.from_time.FromDatetime(from_time)
    if position:
        request.position = POSITIONS[position]
