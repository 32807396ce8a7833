"""The open log: start with `protocol`, which says what it promises."""

from pixel_service.open_log.connecting import LogUrlInvalid, begin_epoch, connect, migrate
from pixel_service.open_log.protocol import OpenLog
from pixel_service.open_log.values import (
    LogEntry,
    LogIdentity,
    LogStats,
    Notifications,
    OpenRecord,
    Page,
    Position,
    Trimmed,
)

__all__ = [
    "LogEntry",
    "LogIdentity",
    "LogStats",
    "LogUrlInvalid",
    "Notifications",
    "OpenLog",
    "OpenRecord",
    "Page",
    "Position",
    "Trimmed",
    "begin_epoch",
    "connect",
    "migrate",
]
