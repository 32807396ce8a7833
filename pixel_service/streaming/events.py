"""What a stream tells its client."""

import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

from pixel_service.open_log import Position


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Opens were recorded."""

    notifications: Sequence[bytes]
    """At least one, serialized, in log order."""
    after: Position
    """After all of them, and after what did not match."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Nothing was sent for a while."""

    after: Position
    """Everything up to here was sent or does not match."""
    caught_up: bool
    lag: int
    is_waiting: bool
    """Whether the stream waits for acknowledgements."""
    held_back_since: dt.datetime | None
    """Since when opens are recorded that may not be sent yet."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DrainNotice:
    """The stream will end soon."""

    after: Position
    time_left: dt.timedelta


StreamEvent = Batch | Heartbeat | DrainNotice
Send = Callable[[StreamEvent], Awaitable[None]]
