"""The open log: opens in order, durable, numbered per message, whatever they say.

A log is opened by URL (`connect`) and is used through `OpenLog`, which SQLite and
PostgreSQL keep alike.  It knows octets and positions: what a notification means, who
reads it and how it is sent are nobody's business here.  Of ours it imports
`errors` alone.  Importing this face loads neither SQLAlchemy nor a driver: `connect`
does, when it knows which.

Read `protocol` first, which says what a log promises; then `values` and `numbering`.
"""

from pixel_service.open_log.connecting import begin_epoch, check_url, connect, migrate
from pixel_service.open_log.cursor import decode_cursor, encode_cursor
from pixel_service.open_log.earlier import EarlierEntries
from pixel_service.open_log.numbering import DEFAULT_BURST_WINDOW
from pixel_service.open_log.objections import (
    MAX_OBJECTIONS,
    Objection,
    ObjectionKeys,
    ObjectionStore,
    ObjectionSubject,
    message_objection_key,
    objection_digest_key,
    recipient_objection_key,
)
from pixel_service.open_log.protocol import OpenLog
from pixel_service.open_log.statistics import (
    HOURS_KEPT,
    CountingRules,
    Counts,
    Dimension,
    Interval,
    Kind,
    OpenFacts,
    Statistics,
    StatisticsQuery,
    StatisticsRow,
    StatisticsStore,
    TrackedCount,
    TrackedPage,
)
from pixel_service.open_log.subscriptions import (
    OpenFilter,
    Session,
    StreamEnd,
    Subscription,
    SubscriptionStore,
)
from pixel_service.open_log.values import (
    BEGINNING,
    MESSAGE_KEY_OCTETS,
    DayCount,
    Erased,
    JournalPosition,
    LogEntry,
    LogIdentity,
    LogStats,
    Notifications,
    OpenRecord,
    OutsideLog,
    Page,
    Position,
    Revised,
    Revision,
    Trimmed,
    count_within,
    message_key,
)
from pixel_service.open_log.webhooks import (
    MAX_SKIPPED_EVENTS,
    MAX_WEBHOOK_SECRETS,
    MAX_WEBHOOKS,
    SkippedEvent,
    Webhook,
    WebhookLeaseLost,
    WebhookSecret,
    WebhookState,
    WebhookStore,
)

__all__ = [
    "BEGINNING",
    "DEFAULT_BURST_WINDOW",
    "HOURS_KEPT",
    "MAX_OBJECTIONS",
    "MAX_SKIPPED_EVENTS",
    "MAX_WEBHOOKS",
    "MAX_WEBHOOK_SECRETS",
    "MESSAGE_KEY_OCTETS",
    "CountingRules",
    "Counts",
    "DayCount",
    "Dimension",
    "EarlierEntries",
    "Erased",
    "Interval",
    "JournalPosition",
    "Kind",
    "LogEntry",
    "LogIdentity",
    "LogStats",
    "Notifications",
    "Objection",
    "ObjectionKeys",
    "ObjectionStore",
    "ObjectionSubject",
    "OpenFacts",
    "OpenFilter",
    "OpenLog",
    "OpenRecord",
    "OutsideLog",
    "Page",
    "Position",
    "Revised",
    "Revision",
    "Session",
    "SkippedEvent",
    "Statistics",
    "StatisticsQuery",
    "StatisticsRow",
    "StatisticsStore",
    "StreamEnd",
    "Subscription",
    "SubscriptionStore",
    "TrackedCount",
    "TrackedPage",
    "Trimmed",
    "Webhook",
    "WebhookLeaseLost",
    "WebhookSecret",
    "WebhookState",
    "WebhookStore",
    "begin_epoch",
    "check_url",
    "connect",
    "count_within",
    "decode_cursor",
    "encode_cursor",
    "message_key",
    "message_objection_key",
    "migrate",
    "objection_digest_key",
    "recipient_objection_key",
]
