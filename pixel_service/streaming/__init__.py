"""A position in the open log, sent to a client: replay, then follow.

A stream (`LogStream`) is a position and no more.  It reads what is new from the `Tail`,
which follows the log once for all streams of a process, and everything older from the log
itself.  A subscription adds a `Window` of what is on its way.  Nothing here knows what a
notification means, nor how it is put on the wire.

Read `log_stream` first, then `tail` and `acknowledging`.
"""

from pixel_service.streaming.acknowledging import Acknowledging, Window, watching_acknowledgements
from pixel_service.streaming.events import Batch, DrainNotice, Heartbeat, StreamEvent
from pixel_service.streaming.live_streams import (
    DEFAULT_MAX_OF_CALLER,
    DEFAULT_MAX_STREAMS,
    LiveStreams,
)
from pixel_service.streaming.log_stream import (
    MAX_BATCH_NOTIFICATIONS,
    MAX_BATCH_OCTETS,
    LogStream,
    StreamOptions,
)
from pixel_service.streaming.selection import Selection, selected
from pixel_service.streaming.starts import NamedPosition, Start, check, position_of
from pixel_service.streaming.tail import Tail, following

__all__ = [
    "DEFAULT_MAX_OF_CALLER",
    "DEFAULT_MAX_STREAMS",
    "MAX_BATCH_NOTIFICATIONS",
    "MAX_BATCH_OCTETS",
    "Acknowledging",
    "Batch",
    "DrainNotice",
    "Heartbeat",
    "LiveStreams",
    "LogStream",
    "NamedPosition",
    "Selection",
    "Start",
    "StreamEvent",
    "StreamOptions",
    "Tail",
    "Window",
    "check",
    "following",
    "position_of",
    "selected",
    "watching_acknowledgements",
]
