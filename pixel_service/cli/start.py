"""Where to start in the log, as operators write it."""

import datetime as dt
from typing import Final, TypedDict

import click

from emailopens.pixel.v1.subscription_service_pb2 import (
    CreateSubscriptionRequest,
    SeekSubscriptionRequest,
)
from emailopens.pixel.v1.webhook_service_pb2 import CreateWebhookRequest, ReplayWebhookRequest
from emailopens_client import LogEnd
from emailopens_client.start import POSITIONS

START: Final = "earliest|latest|TIME|CURSOR"

Start = LogEnd | dt.datetime | str
"""The end of the log, a time, or a cursor."""


class StreamStart(TypedDict, total=False):
    """One of the starts that `OpenStream` may be given."""

    position: LogEnd
    from_time: dt.datetime
    after_cursor: str


def parse_start(text: str) -> Start:
    """Return the start that *text* is.

    Raises:
        click.UsageError: it is a time without a zone.
    """
    if text in (LogEnd.EARLIEST.value, LogEnd.LATEST.value):
        return LogEnd(text)
    try:
        return parse_time(text)
    except ValueError:
        return text


def stream_start(start: Start) -> StreamStart:
    """Return *start* as `OpenStream` is given it."""
    match start:
        case LogEnd():
            return {"position": start}
        case dt.datetime():
            return {"from_time": start}
        case cursor:
            return {"after_cursor": cursor}


def parse_time(text: str) -> dt.datetime:
    """Return the time that *text* is.

    Raises:
        click.UsageError: it has no zone.
        ValueError: it is no time.
    """
    time = dt.datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise click.UsageError(f"{text} has no zone: write 2026-05-04T12:00:00Z, or +02:00")
    return time


def set_start(
    request: (
        CreateSubscriptionRequest
        | SeekSubscriptionRequest
        | CreateWebhookRequest
        | ReplayWebhookRequest
    ),
    text: str,
) -> None:
    """Set where *request* starts, as `parse_start` understands *text*."""
    match parse_start(text):
        case LogEnd() as end:
            request.position = POSITIONS[end]
        case dt.datetime() as time:
            request.from_time.FromDatetime(time)
        case cursor:
            request.after_cursor = cursor
