"""Errors of the pixel service.

* PixelError
  - CursorExpired           retention has removed opens after the cursor
  - CursorAhead             the cursor is beyond the end of the log
  - CursorForeignLog        the cursor is of another log
  - CursorMalformed         the cursor is none of ours
  - LogUnavailable          the log's storage does not answer; try again
    - LogDamaged            the log's file is damaged; an operator looks
    - LogRefused            the log's database does not take what was written
  - LogHole                 opens are missing in the middle of the log
  - SubscriptionNotFound
  - SubscriptionExists
  - SubscriptionTakenOver   a newer stream has the subscription
  - SubscriptionPaused      it serves no stream until somebody resumes it
  - SessionStale            the session token is not of the live stream
  - WebhookNotFound
  - WebhookExists
  - WebhookQuota            there are as many webhooks as there may be
  - ObjectionNotFound
  - ObjectionQuota          there are as many objections as there may be
  - ConsumerStalled         the client did not read for too long
  - StreamQuota             the process serves as many streams as it may
  - EvidenceUnusable        rules, ranges or databases cannot be used

* TokenInvalid              a pixel token that is not ours; never sent to anyone
* LogSchemaOld              an operator must migrate the log before serving
* LogUrlInvalid             there is no log of this URL
* SettingsInvalid           the service cannot run as it was told

The last four are not `PixelError`s, because no caller may see them.
"""

import datetime as dt
from typing import ClassVar

from service_runtime.errors import ServiceError


class PixelError(ServiceError):
    """An error of the pixel service that a caller may see."""


class CursorExpired(PixelError):
    """Retention has removed the open that follows the cursor."""

    reason = "CURSOR_EXPIRED"

    def __init__(self, *, earliest_cursor: str, earliest_time: dt.datetime | None) -> None:
        metadata = {"earliest_cursor": earliest_cursor}
        if earliest_time is not None:
            metadata["earliest_time"] = earliest_time.isoformat()
        super().__init__("retention has removed the opens after the cursor", metadata=metadata)


class CursorAhead(PixelError):
    """The cursor is beyond the end of the log: it was replaced or restored."""

    reason = "CURSOR_AHEAD"

    def __init__(self, *, head_cursor: str) -> None:
        super().__init__(
            "the cursor is beyond the end of this log", metadata={"head_cursor": head_cursor}
        )


class CursorForeignLog(PixelError):
    """The cursor is of another log, or of this one before it was restored."""

    reason = "CURSOR_FOREIGN_LOG"

    def __init__(self, *, log_id: str) -> None:
        super().__init__("the cursor is of another log", metadata={"log_id": log_id})


class CursorMalformed(PixelError):
    """The cursor is none of ours, or was changed on its way."""

    reason = "CURSOR_MALFORMED"

    def __init__(self) -> None:
        super().__init__("the cursor is not one that this service gave")


class LogUnavailable(PixelError):
    """The log's storage does not answer, or not in time."""

    reason = "STORAGE_UNAVAILABLE"
    retry_delay: ClassVar[dt.timedelta | None] = dt.timedelta(seconds=1)

    def __init__(self, message: str = "the log does not answer") -> None:
        super().__init__(message)


class LogDamaged(LogUnavailable):
    """What the log's storage holds cannot be a log's: trying again is no help.

    It is unavailable all the same: whoever outlives an outage outlives this, too.
    """

    reason = "LOG_DAMAGED"
    retry_delay = None

    def __init__(self) -> None:
        super().__init__("the log's storage is damaged")


class LogRefused(LogUnavailable):
    """The log's database answers, and does not take what was written: nothing of it is there.

    Trying the same again is no help.
    """

    retry_delay = None


class LogHole(PixelError):
    """Opens are missing in the middle of the log."""

    reason = "LOG_HOLE"

    def __init__(self, *, cursor: str) -> None:
        super().__init__("the log has a hole after the cursor", metadata={"cursor": cursor})


class SubscriptionNotFound(PixelError):
    """There is no such subscription."""

    reason = "SUBSCRIPTION_NOT_FOUND"

    def __init__(self, subscription_id: str) -> None:
        super().__init__(
            f"there is no subscription {subscription_id}",
            metadata={"subscription_id": subscription_id},
        )


class SubscriptionExists(PixelError):
    """The ID of the subscription is taken."""

    reason = "SUBSCRIPTION_EXISTS"

    def __init__(self, subscription_id: str) -> None:
        super().__init__(
            f"there already is a subscription {subscription_id}",
            metadata={"subscription_id": subscription_id},
        )


class SubscriptionTakenOver(PixelError):
    """A newer stream has taken over the subscription, or it was moved."""

    reason = "SUBSCRIPTION_TAKEN_OVER"

    def __init__(self, subscription_id: str, *, cursor: str = "") -> None:
        super().__init__(
            f"a newer stream has taken over the subscription {subscription_id}",
            metadata={"subscription_id": subscription_id, "cursor": cursor},
        )


class SubscriptionPaused(PixelError):
    """The subscription is paused: it serves no stream until somebody resumes it."""

    reason = "SUBSCRIPTION_PAUSED"

    def __init__(self, subscription_id: str, *, cursor: str = "") -> None:
        metadata = {"subscription_id": subscription_id}
        if cursor:
            metadata["cursor"] = cursor
        super().__init__(f"the subscription {subscription_id} is paused", metadata=metadata)


class SessionStale(PixelError):
    """The session token is not of the subscription's live stream."""

    reason = "SESSION_STALE"

    def __init__(self, subscription_id: str) -> None:
        super().__init__(
            f"the session token is not of the live stream of the subscription {subscription_id}",
            metadata={"subscription_id": subscription_id},
        )


class WebhookNotFound(PixelError):
    """There is no such webhook."""

    reason = "WEBHOOK_NOT_FOUND"

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"there is no webhook {webhook_id}", metadata={"webhook_id": webhook_id})


class WebhookExists(PixelError):
    """The ID of the webhook is taken."""

    reason = "WEBHOOK_EXISTS"

    def __init__(self, webhook_id: str) -> None:
        super().__init__(
            f"there already is a webhook {webhook_id}", metadata={"webhook_id": webhook_id}
        )


class WebhookQuota(PixelError):
    """There are as many webhooks as there may be."""

    reason = "WEBHOOK_QUOTA"

    def __init__(self, *, max_webhooks: int) -> None:
        super().__init__(
            f"there are {max_webhooks} webhooks already",
            metadata={"max_webhooks": str(max_webhooks)},
        )


class ObjectionNotFound(PixelError):
    """Nobody has objected who is named like that."""

    reason = "OBJECTION_NOT_FOUND"

    def __init__(self) -> None:
        # Without who it is: that is personal data.
        super().__init__("there is no such objection")


class ObjectionQuota(PixelError):
    """There are as many objections as there may be."""

    reason = "OBJECTION_QUOTA"

    def __init__(self, *, max_objections: int) -> None:
        super().__init__(
            f"there are {max_objections} objections already",
            metadata={"max_objections": str(max_objections)},
        )


class ConsumerStalled(PixelError):
    """The client did not read for too long."""

    reason = "CONSUMER_STALLED"

    def __init__(self, *, cursor: str) -> None:
        super().__init__("the client did not read for too long", metadata={"cursor": cursor})


class StreamQuota(PixelError):
    """The process serves as many streams as it may, in all or to one caller."""

    reason = "STREAM_QUOTA"
    retry_delay = dt.timedelta(seconds=5)

    def __init__(self, *, max_streams: int, is_of_caller: bool = False) -> None:
        whom = "this caller " if is_of_caller else ""
        super().__init__(
            f"the process serves {whom}{max_streams} streams already",
            metadata={"max_streams": str(max_streams)},
        )


class EvidenceUnusable(PixelError):
    """The rules, address ranges or databases that fetches are judged by cannot be used."""

    reason = "EVIDENCE_UNUSABLE"


class TokenInvalid(Exception):
    """A pixel token that is not ours: forged, truncated, or of an unknown key."""


class LogSchemaOld(Exception):
    """The log's tables are not those of this version.  The text says what to do."""


class LogUrlInvalid(ValueError):
    """The URL names no log that there is an implementation for."""


class SettingsInvalid(Exception):
    """The service cannot run as it was told.  The text says why, in one line."""
