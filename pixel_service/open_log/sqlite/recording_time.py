"""When opens were recorded: never backwards along the log, nor ahead of the clock for good.

Times along the log can be searched because they never go backwards.  But a clock that was
ahead once would pin them: all later opens would be of that day, and retention would keep
them until then.  A clock that is behind for a moment, on a machine that has not asked a
time server yet, looks the same.  So the log is believed for an hour, and then the clock.
"""

import time
from typing import Final

import sqlalchemy as sa
import structlog

from pixel_service.open_log.sqlite.reading import last_before
from service_runtime.times import now_us

# Clocks are set back by less than that every day.
_MAX_AHEAD_US: Final = 60_000_000

# A time server puts a clock right within minutes of the start.
_BELIEVED_SECONDS: Final = 3_600.0

# Opens whose time is put right in one transaction, beside those that it appends; more than
# it appends, so that this ends.
_STEP: Final = 5_000

_TIME_OF: Final = "SELECT ifnull((SELECT recorded_us FROM opens WHERE sequence = ?), 0)"
_PUT_RIGHT: Final = "UPDATE opens SET recorded_us = ? WHERE sequence > ? AND sequence <= ?"

logger = structlog.get_logger()


class RecordingTime:
    """Gives opens the time at which they are recorded.  Belongs to the thread that writes."""

    def __init__(self) -> None:
        self._ahead_since: float | None = None

    def next_us(self, connection: sa.Connection, *, last: int, last_us: int) -> int:
        """Return the time of what is appended now, inside the caller's transaction.

        Args:
            connection: the one that writes.
            last: the log's last sequence number.
            last_us: when that open was recorded, microseconds since 1970 UTC.
        """
        now = now_us()
        if last_us - now <= _MAX_AHEAD_US:
            self._ahead_since = None
        elif self._ahead_since is None:
            self._ahead_since = time.monotonic()
            logger.error("log's time is ahead of the clock", seconds=_seconds(last_us - now))
        elif time.monotonic() - self._ahead_since >= _BELIEVED_SECONDS:
            return _put_right(connection, now=now, last=last, last_us=last_us)
        return max(now, last_us)


def _put_right(connection: sa.Connection, *, now: int, last: int, last_us: int) -> int:
    """Put some of the times right that are ahead, the first of them; return the last one."""
    right = last_before(connection, now + _MAX_AHEAD_US)
    right_us = max(now, connection.exec_driver_sql(_TIME_OF, (right,)).scalar_one())
    connection.exec_driver_sql(_PUT_RIGHT, (right_us, right, right + _STEP))
    if right + _STEP < last:
        return last_us
    logger.warning("log's time is put right", seconds=_seconds(last_us - right_us))
    return int(right_us)


def _seconds(microseconds: int) -> int:
    return microseconds // 1_000_000
