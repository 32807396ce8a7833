"""Webhooks, from messages to values and back."""

import datetime as dt
from typing import Final, cast

from google.protobuf import duration_pb2

from emailopens.pixel.v1 import webhook_service_pb2 as pb
from pixel_service.grpc_api.responses import filter_to_proto
from pixel_service.grpc_api.times import timestamp
from pixel_service.open_log import (
    LogIdentity,
    OpenFilter,
    SkippedEvent,
    Webhook,
    WebhookState,
    encode_cursor,
)
from pixel_service.webhooks import new_secret, parse_secret, secret_text, shown_url
from service_runtime.field_checks import FieldChecks

DEFAULT_OVERLAP: Final = dt.timedelta(days=1)
MAX_OVERLAP: Final = dt.timedelta(days=30)

_STATES: Final = {
    WebhookState.ACTIVE: pb.Webhook.STATE_ACTIVE,
    WebhookState.PAUSED: pb.Webhook.STATE_PAUSED,
    WebhookState.PAUSED_GONE: pb.Webhook.STATE_PAUSED_GONE,
    WebhookState.PAUSED_EVENT_REFUSED: pb.Webhook.STATE_PAUSED_EVENT_REFUSED,
}

# What the list of skipped events numbers its entries with.
_MAX_NUMBER: Final = 2**63 - 1


def read_format(number: int, checks: FieldChecks) -> int:
    """Return the format of a new webhook."""
    checks.require(
        number in pb.Webhook.Format.values(),
        "webhook.format",
        "is not a format that this service knows",
    )
    return number or pb.Webhook.FORMAT_JSON


def read_skips_refused(number: int, checks: FieldChecks) -> bool:
    """Return whether a new webhook skips what its receiver refuses."""
    checks.require(
        number in pb.Webhook.RefusedEventPolicy.values(),
        "webhook.refused_event_policy",
        "is not a policy that this service knows",
    )
    return number != pb.Webhook.REFUSED_EVENT_POLICY_PAUSE


def read_secret(text: str, checks: FieldChecks) -> str:
    """Return the secret of a request, or a new one if it has none."""
    if not text:
        return secret_text(new_secret())
    secret = parse_secret(text)
    checks.require(secret is not None, "secret", "must be `whsec_` and 24 to 64 octets in Base64")
    return text if secret is None else secret_text(secret)


def read_overlap(request: pb.RotateWebhookSecretRequest, checks: FieldChecks) -> dt.timedelta:
    """Return for how long the secret before signs, too."""
    if not request.HasField("overlap"):
        return DEFAULT_OVERLAP
    seconds = _seconds(request.overlap)
    is_possible = 0 <= seconds <= MAX_OVERLAP.total_seconds()
    checks.require(is_possible, "overlap", f"must be from zero to {MAX_OVERLAP.days} days")
    return dt.timedelta(seconds=seconds) if is_possible else DEFAULT_OVERLAP


def _seconds(duration: duration_pb2.Duration) -> float:
    # Not ToTimedelta: it raises on what is out of range.
    return duration.seconds + duration.nanos / 1e9


def read_number(text: str, checks: FieldChecks) -> int | None:
    """Return the number that the text of a page token is; None for the first page."""
    if not text:
        return None
    is_number = text.isdecimal() and int(text) <= _MAX_NUMBER
    checks.require(is_number, "page_token", "must be the `next_page_token` of a page")
    return int(text) if is_number else None


def webhook_to_proto(webhook: Webhook, identity: LogIdentity) -> pb.Webhook:
    """Return *webhook* as the contract has it: without what is secret."""
    message = pb.Webhook(
        id=webhook.id,
        url=shown_url(webhook.url),
        # The numbers are the contract's; the stubs want them under their own names.
        format=cast("pb.Webhook.Format.ValueType", webhook.body_format),
        configuration_ids=webhook.configuration_ids,
        refused_event_policy=(
            pb.Webhook.REFUSED_EVENT_POLICY_SKIP
            if webhook.skips_refused
            else pb.Webhook.REFUSED_EVENT_POLICY_PAUSE
        ),
        state=_STATES[webhook.state],
        delivered_cursor=encode_cursor(webhook.delivered, identity),
        lag=webhook.lag,
        fell_behind=webhook.fell_behind,
        create_time=timestamp(webhook.create_time),
        last_error=webhook.last_error,
        failed_attempts=webhook.failed_attempts,
        skipped_events=webhook.skipped_events,
    )
    if webhook.filter != OpenFilter():
        message.filter.CopyFrom(filter_to_proto(webhook.filter))
    if webhook.last_success_time is not None:
        message.last_success_time.FromDatetime(webhook.last_success_time)
    if webhook.next_attempt_time is not None and webhook.state is WebhookState.ACTIVE:
        message.next_attempt_time.FromDatetime(webhook.next_attempt_time)
    return message


def skipped_to_proto(event: SkippedEvent, identity: LogIdentity) -> pb.SkippedEvent:
    """Return *event* as the contract has it."""
    return pb.SkippedEvent(
        event_id=event.event_id,
        skip_time=timestamp(event.skip_time),
        error=event.error,
        cursor=encode_cursor(event.before, identity),
    )
